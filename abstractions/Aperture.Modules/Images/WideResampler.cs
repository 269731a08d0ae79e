namespace Aperture.Images;

/// <summary>The two passes of resampling 32-bit pixels: sums in double, each pass stored as float32 (mode F) or rounded half away from zero (mode I).</summary>
internal static class WideResampler
{
    public static T[] Horizontal<T>(T[] source, int sourceWidth, int firstColumn, int firstRow, int rows, ResampleWeights weights)
        where T : struct
    {
        T[] target = new T[checked(weights.Count * rows)];
        for (int y = 0, o = 0; y < rows; y++)
        {
            for (int x = 0; x < weights.Count; x++)
            {
                target[o++] = Sum(source, (firstRow + y) * sourceWidth + weights.First[x] - firstColumn, 1, weights, x);
            }
        }

        return target;
    }

    public static T[] Vertical<T>(T[] source, int width, int firstRow, ResampleWeights weights)
        where T : struct
    {
        T[] target = new T[checked(weights.Count * width)];
        for (int y = 0, o = 0; y < weights.Count; y++)
        {
            for (int x = 0; x < width; x++)
            {
                target[o++] = Sum(source, (weights.First[y] - firstRow) * width + x, width, weights, y);
            }
        }

        return target;
    }

    /// <summary>Rounds half away from zero as Pillow does and saturates.</summary>
    public static int Round(double value) => (int)(value >= 0.0 ? Math.Floor(value + 0.5) : -Math.Floor(Math.Abs(value) + 0.5));

    private static T Sum<T>(T[] source, int start, int step, ResampleWeights weights, int output)
        where T : struct
    {
        Span<double> taps = weights.Exact.AsSpan(output * weights.Stride, weights.Taps[output]);
        double sum = 0.0;
        for (int t = 0, i = start; t < taps.Length; t++, i += step)
        {
            double value = source is int[] integers ? integers[i] : (double)((float[])(object)source)[i];
            sum += value * taps[t];
        }

        return typeof(T) == typeof(int) ? (T)(object)Round(sum) : (T)(object)(float)sum;
    }
}
