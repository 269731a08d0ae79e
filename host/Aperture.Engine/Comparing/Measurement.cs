using Aperture.Measuring;
using Aperture.Requests;

namespace Aperture.Comparing;

/// <summary>One pipeline on one question: the answer, and what it cost. Times are medians.</summary>
public sealed record Measurement
{
    /// <summary>The pipeline's name in the table.</summary>
    public required string Label { get; init; }

    /// <summary>Element type, device, threads and processor of the times.</summary>
    public required MeasuredOn MeasuredOn { get; init; }

    /// <summary>The answer.</summary>
    public required string Answer { get; init; }

    /// <summary>Visual tokens that entered the decoder.</summary>
    public required int VisualTokens { get; init; }

    /// <summary>Visual tokens that left each decoder layer.</summary>
    public required IReadOnlyList<int> VisualTokensByLayer { get; init; }

    /// <summary>Mean over layers of the visual tokens that left them.</summary>
    public double MeanVisualTokens => VisualTokensByLayer.Count == 0 ? 0 : VisualTokensByLayer.Average();

    /// <summary>Floating-point operations up to the first token.</summary>
    public required FlopCount Flops { get; init; }

    /// <summary>Wall time by stage.</summary>
    public required StageTimes Times { get; init; }

    /// <summary>Spread of the prefill: the largest minus the smallest of the timed runs, in milliseconds.</summary>
    public required double PrefillSpread { get; init; }

    /// <summary>Bytes of the key/value cache.</summary>
    public required long CacheBytes { get; init; }

    /// <summary>
    /// What a question added to the process's resident memory at its peak, in bytes (<see cref="Measuring.PeakMemory.Added"/>); null where a GPU computes,
    /// whose memory is not in it.
    /// </summary>
    public required long? PeakMemory { get; init; }

    /// <summary>Which parts of the picture each layer still saw.</summary>
    public TokenMap? TokenMap { get; init; }
}
