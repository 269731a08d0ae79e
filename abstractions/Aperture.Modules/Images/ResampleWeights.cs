namespace Aperture.Images;

/// <summary>
/// The weights of one axis of a resampling: for each output coordinate of a window the first source coordinate, the number of source pixels and their weights,
/// computed in double as Pillow computes them. <see cref="Fixed"/> holds them with 22 fractional bits for 8-bit pixels.
/// </summary>
internal sealed class ResampleWeights
{
    public const int PrecisionBits = 32 - 8 - 2;

    private ResampleWeights(int count, int stride)
    {
        (Count, Stride) = (count, stride);
        First = new int[count];
        Taps = new int[count];
        Exact = new double[checked(count * stride)];
    }

    public int Count { get; }

    /// <summary>Weights of output i start at i * Stride.</summary>
    public int Stride { get; }

    public int[] First { get; }

    public int[] Taps { get; }

    public double[] Exact { get; }

    /// <summary>First source coordinate that any output of the window uses.</summary>
    public int SourceStart => First[0];

    /// <summary>One past the last source coordinate that any output of the window uses.</summary>
    public int SourceEnd => First[^1] + Taps[^1];

    /// <summary>Weights for the outputs [start, start + count) of a resize of [in0, in1) of an axis of inSize pixels to outSize pixels.</summary>
    public static ResampleWeights Compute(int inSize, float in0, float in1, int outSize, ResampleFilter filter, int start, int count)
    {
        double scale = (double)(in1 - in0) / outSize;
        double filterScale = Math.Max(scale, 1.0);
        double support = Support(filter) * filterScale;
        int stride = (int)Math.Ceiling(support) * 2 + 1;
        ResampleWeights weights = new(count, stride);
        double inverse = 1.0 / filterScale;
        for (int i = 0; i < count; i++)
        {
            double centre = in0 + (start + i + 0.5) * scale;
            int first = Math.Max(0, (int)(centre - support + 0.5));
            int taps = Math.Min(inSize, (int)(centre + support + 0.5)) - first;
            Span<double> k = weights.Exact.AsSpan(i * stride, stride);
            double sum = 0.0;
            for (int x = 0; x < taps; x++)
            {
                k[x] = Evaluate(filter, (x + first - centre + 0.5) * inverse);
                sum += k[x];
            }

            for (int x = 0; x < taps && sum != 0.0; x++)
            {
                k[x] /= sum;
            }

            weights.First[i] = first;
            weights.Taps[i] = taps;
        }

        return weights;
    }

    /// <summary>The weights with 22 fractional bits, rounded half away from zero.</summary>
    public int[] Fixed() => Array.ConvertAll(Exact, k => (int)((k < 0 ? -0.5 : 0.5) + k * (1 << PrecisionBits)));

    public static double Support(ResampleFilter filter) => filter switch
    {
        ResampleFilter.Box => 0.5,
        ResampleFilter.Bilinear or ResampleFilter.Hamming => 1.0,
        ResampleFilter.Bicubic => 2.0,
        ResampleFilter.Lanczos => 3.0,
        _ => throw new ArgumentOutOfRangeException(nameof(filter), filter, "This filter has no support."),
    };

    private static double Evaluate(ResampleFilter filter, double x)
    {
        switch (filter)
        {
            case ResampleFilter.Box:
                return x is > -0.5 and <= 0.5 ? 1.0 : 0.0;
            case ResampleFilter.Bilinear:
                x = Math.Abs(x);
                return x < 1.0 ? 1.0 - x : 0.0;
            case ResampleFilter.Hamming:
                x = Math.Abs(x);
                if (x == 0.0)
                {
                    return 1.0;
                }

                if (x >= 1.0)
                {
                    return 0.0;
                }

                x *= Math.PI;
                return Math.Sin(x) / x * (0.54f + 0.46f * Math.Cos(x)); // the two constants are single precision in Pillow
            case ResampleFilter.Bicubic:
                const double A = -0.5;
                x = Math.Abs(x);
                if (x < 1.0)
                {
                    return ((A + 2.0) * x - (A + 3.0)) * x * x + 1;
                }

                return x < 2.0 ? (((x - 5) * x + 8) * x - 4) * A : 0.0;
            default:
                return x is >= -3.0 and < 3.0 ? Sinc(x) * Sinc(x / 3) : 0.0;
        }
    }

    private static double Sinc(double x)
    {
        if (x == 0.0)
        {
            return 1.0;
        }

        x *= Math.PI;
        return Math.Sin(x) / x;
    }
}
