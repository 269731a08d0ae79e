using Aperture.Decoding;
using Aperture.Measuring;
using static TorchSharp.torch;

namespace Aperture.Benchmarks;

/// <summary>What a decoder benchmark runs on.</summary>
public sealed record DecoderBenchmarkOptions
{
    /// <summary>The device.</summary>
    public Device Device { get; init; } = CPU;

    /// <summary>The element type.</summary>
    public ScalarType Type { get; init; } = ScalarType.BFloat16;

    /// <summary>How matrices are kept.</summary>
    public WeightFormat Weights { get; init; }

    /// <summary>How the cache keeps keys and values.</summary>
    public CacheFormat Cache { get; init; }

    /// <summary>Threads; 0 for libtorch's number.</summary>
    public int Threads { get; init; }

    /// <summary>Visual tokens of the prompt.</summary>
    public int VisualTokens { get; init; } = 576;

    /// <summary>Text tokens of the prompt.</summary>
    public int TextTokens { get; init; } = 64;

    /// <summary>Timed rounds, after one that warms up.</summary>
    public int Rounds { get; init; } = 5;
}

/// <summary>Prefill of the product beside a straight-line loop.</summary>
/// <param name="ProductMs">Median milliseconds of the product.</param>
/// <param name="StraightLineMs">Median milliseconds of the loop.</param>
/// <param name="Ratio">Median over the rounds of product over loop; below 1 the product is faster.</param>
public sealed record PrefillComparison(double ProductMs, double StraightLineMs, double Ratio);

/// <summary>Prefill with methods beside the un-reduced one.</summary>
/// <param name="Methods">The methods and their settings, in words.</param>
/// <param name="ReducedMs">Median milliseconds with them, their overhead included.</param>
/// <param name="FullMs">Median milliseconds without.</param>
/// <param name="TimeRatio">Median over the rounds of the time with methods over the time without.</param>
/// <param name="MacRatio">Decoder multiply-accumulates with them, their own included, over those without.</param>
/// <param name="VisualTokens">Visual tokens that leave each layer.</param>
public sealed record ReductionComparison(string Methods, double ReducedMs, double FullMs, double TimeRatio, double MacRatio, IReadOnlyList<int> VisualTokens);

/// <summary>A decode step beside a plain read of memory.</summary>
/// <param name="MedianMs">Median milliseconds a token.</param>
/// <param name="BestMs">The best of five medians.</param>
/// <param name="Bytes">Weight bytes that a token streams.</param>
/// <param name="BytesPerSecond">Of the best.</param>
/// <param name="ReadBytesPerSecond">A plain read of 1 GB by as many threads, the best of five medians.</param>
public sealed record DecodeBandwidth(double MedianMs, double BestMs, long Bytes, double BytesPerSecond, double ReadBytesPerSecond)
{
    /// <summary>Share of the plain read.</summary>
    public double Share => BytesPerSecond / ReadBytesPerSecond;
}
