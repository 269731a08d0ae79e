using Aperture.Decoding;
using Aperture.Scheduling;
using Aperture.Sequences;
using static TorchSharp.torch;

namespace Aperture.Measuring;

/// <summary>
/// Counts what a decoder really computed, from its trace: rows, keys and visual tokens by layer, cache rows, the methods' own cost. Multiply-accumulates; times
/// two for FLOPs. A gated feed-forward network is three matrices, every token counts, the causal half is not subtracted.
/// </summary>
public sealed class WorkCounter : IDecoderTrace
{
    private readonly List<(int Layer, DecoderPhase Phase, LayerWork Work)> _work = [];
    private readonly Dictionary<string, long> _methodMacs = [];

    /// <summary>Everything that was counted, in order.</summary>
    public IReadOnlyList<(int Layer, DecoderPhase Phase, LayerWork Work)> Work => _work;

    /// <summary>Multiply-accumulates that methods spent themselves, by name.</summary>
    public IReadOnlyDictionary<string, long> OwnMacs => _methodMacs;

    /// <summary>Visual tokens of the first sample that each layer of the prompt, or of the turn that was appended, computed and passed on.</summary>
    public IReadOnlyList<int> VisualTokens
        => [.. _work.Where(w => IsPrompt(w.Phase) && w.Work.Sample == 0).Select(w => w.Work.Computed.VisualCount)];

    /// <summary>The rows of a sample that each layer of the prompt, or of the turn that was appended, computed and passed on.</summary>
    /// <param name="sample">Index of the sample in the batch.</param>
    public IReadOnlyList<SequenceLayout> LayoutsOf(int sample)
        => [.. _work.Where(w => IsPrompt(w.Phase) && w.Work.Sample == sample).Select(w => w.Work.Computed)];

    /// <inheritdoc />
    public bool WantsCache(int layer) => false;

    /// <inheritdoc />
    public void LayerWork(ILayerContext context, LayerWork work) => _work.Add((context.Layer, context.Phase, work));

    /// <inheritdoc />
    public void MethodMacs(string method, long macs) => _methodMacs[method] = _methodMacs.GetValueOrDefault(method) + macs;

    /// <summary>Decoder layers of the prompt, or of the turn that was appended.</summary>
    /// <param name="info">Sizes.</param>
    public long DecoderMacs(DecoderInfo info)
        => _work.Where(w => IsPrompt(w.Phase)).Sum(w => new LayerRows(w.Work.AttentionRows, w.Work.Keys, w.Work.FeedForwardRows).Macs(info));

    /// <summary>FastV's simplified count of the prefill, <c>4nd² + 2n²d + 2ndm</c> a layer with the rows that entered it.</summary>
    /// <param name="info">Sizes.</param>
    public long FastVMacs(DecoderInfo info)
    {
        long d = info.HiddenSize, m = info.IntermediateSize;
        return _work.Where(w => IsPrompt(w.Phase)).Sum(w =>
        {
            long n = w.Work.AttentionRows;
            return (4 * n * d * d) + (2 * n * n * d) + (2 * n * d * m);
        });
    }

    private static bool IsPrompt(DecoderPhase phase) => phase is DecoderPhase.Prefill or DecoderPhase.Append;
}
