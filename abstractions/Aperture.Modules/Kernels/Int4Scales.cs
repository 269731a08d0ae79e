namespace Aperture.Kernels;

/// <summary>Turns a scale for each group, as checkpoints in four bits have them, into a scale for each row and a small whole factor for each group.</summary>
internal static unsafe class Int4Scales
{
    private const int Largest = 15;

    /// <summary>Finds the largest row scale of which every group's scale is a whole multiple, exactly.</summary>
    /// <param name="scales">The groups' scales.</param>
    /// <param name="zeros">The groups' zeros, from 0 to 15.</param>
    /// <param name="groups">Their number.</param>
    /// <param name="repeat">How many groups of 32 inputs each of them stands for.</param>
    /// <param name="factors">Gets the multiples, from 1 to 15, or 0 where a scale is 0; <c>groups * repeat</c> of them.</param>
    /// <param name="shifts">Gets factor times zero.</param>
    /// <returns>The row's scale, 0 for a row of zeros; NaN where there is none, or a whole number would be beyond 127.</returns>
    public static float Split(float* scales, byte* zeros, int groups, int repeat, byte* factors, byte* shifts)
    {
        float least = float.PositiveInfinity;
        for (int group = 0; group < groups; group++)
        {
            if (!(scales[group] >= 0))
            {
                return float.NaN;
            }

            least = scales[group] > 0 ? MathF.Min(least, scales[group]) : least;
        }

        if (float.IsPositiveInfinity(least))
        {
            least = 0;
        }

        for (int divisor = 1; divisor <= Largest; divisor++)
        {
            float scale = least / divisor;
            if ((double)scale * divisor == least && Fits(scales, zeros, groups, repeat, scale, factors, shifts))
            {
                return scale;
            }
        }

        return float.NaN;
    }

    private static bool Fits(float* scales, byte* zeros, int groups, int repeat, float scale, byte* factors, byte* shifts)
    {
        for (int group = 0; group < groups; group++)
        {
            double ratio = scale > 0 ? Math.Round(scales[group] / (double)scale) : 0;
            int zero = zeros[group];
            if (ratio * scale != scales[group] || ratio > Largest || ratio * Math.Max(zero, Largest - zero) > RowQuantizer.Largest)
            {
                return false;
            }

            for (int i = group * repeat; i < (group + 1) * repeat; i++)
            {
                (factors[i], shifts[i]) = ((byte)ratio, (byte)(ratio * zero));
            }
        }

        return true;
    }
}
