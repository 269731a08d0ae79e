namespace Aperture.Images;

/// <summary>The five row filters of PNG, as they are applied to a row of bytes.</summary>
internal static class PngFilter
{
    public const int Count = 5;

    /// <summary>Filters a row and returns the sum of the results' absolute values, the usual estimate of how well it compresses.</summary>
    public static long Apply(int filter, ReadOnlySpan<byte> row, ReadOnlySpan<byte> above, int step, Span<byte> result)
    {
        row.CopyTo(result);
        switch (filter)
        {
            case 1:
                for (int i = step; i < row.Length; i++)
                {
                    result[i] -= row[i - step];
                }

                break;
            case 2:
                for (int i = 0; i < row.Length; i++)
                {
                    result[i] -= above[i];
                }

                break;
            case 3:
                for (int i = 0; i < row.Length; i++)
                {
                    result[i] -= (byte)(((i < step ? 0 : row[i - step]) + above[i]) >> 1);
                }

                break;
            case 4:
                for (int i = 0; i < row.Length; i++)
                {
                    result[i] -= i < step ? above[i] : Paeth(row[i - step], above[i], above[i - step]);
                }

                break;
            default:
                break;
        }

        long cost = 0L;
        foreach (byte value in result)
        {
            cost += Math.Abs((int)(sbyte)value);
        }

        return cost;
    }

    private static byte Paeth(byte left, byte above, byte corner)
    {
        (int a, int b, int c) = (Math.Abs(above - corner), Math.Abs(left - corner), Math.Abs(left + above - 2 * corner));
        return a <= b && a <= c ? left : b <= c ? above : corner;
    }
}
