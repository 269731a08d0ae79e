namespace Aperture.Images;

/// <summary>The five row filters of PNG, undone and applied in place of a row of bytes.</summary>
internal static class PngFilter
{
    public const int Count = 5;

    /// <summary>Restores a row from its filtered bytes, the row above and the bytes a pixel takes (at least 1).</summary>
    /// <returns>False for an unknown filter.</returns>
    public static bool Undo(int filter, Span<byte> row, ReadOnlySpan<byte> above, int step)
    {
        switch (filter)
        {
            case 0:
                return true;
            case 1:
                for (int i = step; i < row.Length; i++)
                {
                    row[i] += row[i - step];
                }

                return true;
            case 2:
                for (int i = 0; i < row.Length; i++)
                {
                    row[i] += above[i];
                }

                return true;
            case 3:
                for (int i = 0; i < row.Length; i++)
                {
                    row[i] += (byte)(((i < step ? 0 : row[i - step]) + above[i]) >> 1);
                }

                return true;
            case 4:
                for (int i = 0; i < row.Length; i++)
                {
                    row[i] += i < step ? above[i] : Paeth(row[i - step], above[i], above[i - step]);
                }

                return true;
            default:
                return false;
        }
    }

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
