namespace Aperture.Decoding;

/// <summary>How rotary position embeddings are scaled.</summary>
public enum RotaryScaling
{
    /// <summary>Not at all.</summary>
    None,

    /// <summary>Positions divided by the factor.</summary>
    Linear,

    /// <summary>The base grows with sequences longer than the trained length (dynamic NTK).</summary>
    Dynamic,

    /// <summary>Llama 3's scaling by frequency band.</summary>
    Llama3,
}

/// <summary>Rotary position embedding of a decoder.</summary>
public sealed record RotaryConfig
{
    /// <summary>
    /// Rows that a sequence may have: <see cref="MaxPositions"/>, as far as scaling stretches it; <see cref="int.MaxValue"/> for dynamic scaling.
    /// </summary>
    public int Reach => Scaling switch
    {
        RotaryScaling.Dynamic => int.MaxValue,
        RotaryScaling.Linear => (int)Math.Min(MaxPositions * Math.Max(Factor, 1), int.MaxValue),
        _ => MaxPositions,
    };

    /// <summary>The base θ.</summary>
    public double Theta { get; init; } = 10000;

    /// <summary>How many leading dimensions of a head are rotated; even.</summary>
    public required int Dimensions { get; init; }

    /// <summary>
    /// Where a row has several position ids: how many frequencies, from the first on, take the id of each axis (Qwen2-VL's <c>mrope_section</c>); the sum is
    /// half of
    /// <see cref="Dimensions"/>. Empty for positions of one axis.
    /// </summary>
    public IReadOnlyList<int> Sections { get; init; } = [];

    /// <summary>The kind of scaling.</summary>
    public RotaryScaling Scaling { get; init; }

    /// <summary>The scaling factor.</summary>
    public double Factor { get; init; } = 1;

    /// <summary>The trained length that dynamic scaling starts at.</summary>
    public int MaxPositions { get; init; } = 2048;

    /// <summary>Llama 3: factor of the low-frequency boundary.</summary>
    public double LowFrequencyFactor { get; init; } = 1;

    /// <summary>Llama 3: factor of the high-frequency boundary.</summary>
    public double HighFrequencyFactor { get; init; } = 4;

    /// <summary>Llama 3: the length before scaling.</summary>
    public int OriginalMaxPositions { get; init; } = 8192;

    /// <summary>The inverse frequencies, float32 as the reference computes them.</summary>
    /// <param name="sequenceLength">Longest position plus one so far; matters to dynamic scaling only.</param>
    public float[] InverseFrequencies(int sequenceLength)
    {
        double theta = Theta;
        if (Scaling == RotaryScaling.Dynamic && sequenceLength > MaxPositions)
        {
            theta *= Math.Pow((Factor * sequenceLength / MaxPositions) - (Factor - 1), Dimensions / (double)(Dimensions - 2));
        }

        float[] frequencies = new float[Dimensions / 2];
        for (int j = 0; j < frequencies.Length; j++)
        {
            float frequency = (float)(1.0 / (float)Math.Pow(theta, (float)(2 * j) / Dimensions));
            frequencies[j] = Scaling switch
            {
                RotaryScaling.Linear => (float)(frequency / Factor),
                RotaryScaling.Llama3 => (float)Llama3(frequency),
                _ => frequency,
            };
        }

        return frequencies;
    }

    private double Llama3(double frequency)
    {
        double wavelength = 2 * Math.PI / frequency;
        double low = OriginalMaxPositions / LowFrequencyFactor;
        double high = OriginalMaxPositions / HighFrequencyFactor;
        if (wavelength > low)
        {
            return frequency / Factor;
        }

        if (wavelength < high)
        {
            return frequency;
        }

        double smooth = ((OriginalMaxPositions / wavelength) - LowFrequencyFactor) / (HighFrequencyFactor - LowFrequencyFactor);
        return ((1 - smooth) * frequency / Factor) + (smooth * frequency);
    }
}
