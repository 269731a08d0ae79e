namespace Aperture.Plugins.InstDiffEdit.Masks;

/// <summary>Arithmetic on grey maps in single precision, in the order of the published code: another order gives other bytes.</summary>
internal static class MapMath
{
    private static readonly float[] _fixed = [0.0625f, 0.25f, 0.375f, 0.25f, 0.0625f]; // OpenCV's kernel of size 5 without a sigma

    /// <summary>OpenCV's Gaussian kernel of size 5 for a sigma; the fixed one of that size for 0.</summary>
    public static float[] Kernel(double sigma)
    {
        if (sigma == 0)
        {
            return _fixed;
        }

        double[] weights = [.. Enumerable.Range(-2, 5).Select(x => Math.Exp(-x * x / (2 * sigma * sigma)))];
        double sum = weights.Sum();
        return [.. weights.Select(weight => (float)(weight / sum))];
    }

    /// <summary>Stretches values to 0 to 1; a flat map becomes zeros.</summary>
    public static float[] Stretched(float[] values)
    {
        float least = values.Min(), span = values.Max() - least;
        return span > 0 ? Array.ConvertAll(values, value => (value - least) / span) : new float[values.Length];
    }

    /// <summary>Values from 0 to 1 as bytes, cut off, not rounded.</summary>
    public static byte[] Bytes(float[] values) => Array.ConvertAll(values, value => (byte)(value * 255f));

    /// <summary>Bytes as values from 0 to 1.</summary>
    public static float[] Unit(byte[] bytes) => Array.ConvertAll(bytes, value => value / 255f);

    /// <summary>Blurs with a kernel of 5, rows first, mirrored at the edges without repeating them.</summary>
    public static float[] Blurred(float[] values, int height, int width, float[] kernel)
        => Pass(Pass(values, height, width, kernel, 1, width), height, width, kernel, width, height);

    private static float[] Pass(float[] values, int height, int width, float[] kernel, int step, int length)
    {
        float[] result = new float[values.Length];
        for (int i = 0; i < height * width; i++)
        {
            int at = step == 1 ? i % width : i / width, start = i - (at * step);
            float At(int offset) => values[start + (Mirrored(at + offset, length) * step)];
            result[i] = (kernel[2] * values[i]) + (kernel[1] * (At(-1) + At(1))) + (kernel[0] * (At(-2) + At(2)));
        }

        return result;
    }

    private static int Mirrored(int at, int length)
    {
        if (length == 1)
        {
            return 0;
        }

        int period = 2 * (length - 1), within = ((at % period) + period) % period;
        return within < length ? within : period - within;
    }
}
