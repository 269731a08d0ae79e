using Aperture.Decoding;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.BaseModels;

/// <summary>Keeps copies of what a forward shows: each layer's input, attention map and cache. Owns them.</summary>
internal sealed class RecordingTrace : IDecoderTrace, IDisposable
{
    public Dictionary<int, Tensor> Inputs { get; } = [];

    public Dictionary<(int Layer, int Sample), Tensor> Attentions { get; } = [];

    public Dictionary<(int Layer, int Sample), (Tensor Keys, Tensor Values)> Caches { get; } = [];

    public void LayerInput(ILayerContext context, Tensor rows) => Inputs[context.Layer] = rows.clone();

    public bool WantsAttention(int layer) => true;

    public void LayerAttention(ILayerContext context, IAttentionStatistics statistics)
    {
        for (int sample = 0; sample < context.Samples; sample++)
        {
            List<Tensor> blocks = [];
            statistics.RowBlocks(sample, [.. Enumerable.Range(0, context.Layout(sample).Count)], (_, probabilities) => blocks.Add(probabilities.clone()));
            Attentions[(context.Layer, sample)] = cat(blocks, 1);
            blocks.ForEach(block => block.Dispose());
        }
    }

    public void LayerCache(ILayerContext context, int sample, Tensor keys, Tensor values)
        => Caches[(context.Layer, sample)] = (keys.clone(), values.clone());

    public void Dispose()
    {
        foreach (Tensor tensor in Inputs.Values.Concat(Attentions.Values).Concat(Caches.Values.SelectMany(cache => new[] { cache.Keys, cache.Values })))
        {
            tensor.Dispose();
        }
    }
}
