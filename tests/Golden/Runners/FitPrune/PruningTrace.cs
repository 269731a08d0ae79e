using Aperture.Decoding;
using Aperture.Sequences;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.FitPrune;

/// <summary>Keeps copies of what the prefill of one sample shows. Owns them.</summary>
/// <param name="attention">Layers whose attention map is wanted.</param>
internal sealed class PruningTrace(IReadOnlySet<int> attention) : IDecoderTrace, IDisposable
{
    private readonly Dictionary<string, Tensor> _tensors = [];

    /// <summary>Layouts that enter each layer.</summary>
    public List<SequenceLayout> Entering { get; } = [];

    /// <summary>Layouts that leave each layer.</summary>
    public List<SequenceLayout> Leaving { get; } = [];

    /// <summary>A copy by kind and layer; null if it was not seen.</summary>
    public Tensor? this[string kind, int layer] => _tensors.GetValueOrDefault($"{kind}.{layer}");

    public void LayerInput(ILayerContext context, Tensor rows)
    {
        if (context.Phase == DecoderPhase.Prefill)
        {
            Entering.Add(context.Layout(0));
        }
    }

    public void LayerOutput(ILayerContext context, Tensor rows)
    {
        if (context.Phase == DecoderPhase.Prefill)
        {
            Leaving.Add(context.Layout(0));
            KeepAsBatch("hidden", context, rows);
        }
    }

    public void LayerCache(ILayerContext context, int sample, Tensor keys, Tensor values)
    {
        KeepAsBatch("k", context, keys);
        KeepAsBatch("v", context, values);
    }

    public bool WantsAttention(int layer) => attention.Contains(layer);

    public void LayerAttention(ILayerContext context, IAttentionStatistics statistics)
    {
        if (context.Phase != DecoderPhase.Prefill)
        {
            return;
        }

        SequenceLayout layout = context.Layout(0);
        List<Tensor> blocks = [];
        statistics.RowBlocks(0, [.. Enumerable.Range(0, layout.Count)], (_, block) => blocks.Add(block.clone()));
        using DisposeScope scope = NewDisposeScope();
        Tensor map = cat([.. blocks], 1).alias(); // [heads, rows, rows]
        blocks.ForEach(block => block.Dispose());
        KeepAsBatch("attention", context, map);
        int[] visual = layout.VisualRows();
        if (visual.Length > 0)
        {
            // Straight from the whole map, beside the scores that the reducer takes from the column sums.
            Tensor head = map.amax([0]);
            Tensor columns = head.index_select(1, Index(visual)); // [rows, visual]
            Keep("headmax_self", context, columns.index_select(0, Index(visual)).sum(dim: 0) / visual.Length);
            Keep("headmax_cross", context, columns.index_select(0, Index(layout.TextRowsAfterImage())).sum(dim: 0));
        }
    }

    public void Value(ILayerContext context, int sample, string name, Tensor value) => Keep(name, context, value);

    public void Dispose()
    {
        foreach (Tensor tensor in _tensors.Values)
        {
            tensor.Dispose();
        }
    }

    private static Tensor Index(int[] rows) => tensor(Array.ConvertAll(rows, row => (long)row));

    // The official code's maps, rows and caches have a batch dimension in front.
    private void KeepAsBatch(string kind, ILayerContext context, Tensor tensor)
    {
        using Tensor batch = tensor.unsqueeze(0);
        Keep(kind, context, batch);
    }

    private void Keep(string kind, ILayerContext context, Tensor tensor)
    {
        if (context.Phase == DecoderPhase.Prefill)
        {
            _tensors[$"{kind}.{context.Layer}"] = tensor.clone().DetachFromDisposeScope();
        }
    }
}
