using Aperture.Decoding;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.GammaMod.Calibration;

/// <summary>
/// Drops nothing: reads every layer's attention map of a prompt and takes its rank. Maps are rounded to half precision first, in which the official model
/// computes them.
/// </summary>
internal sealed class ArankReducer(int layers) : ITokenReducer
{
    private readonly double[] _ranks = new double[layers];
    private int _rows;

    public string Name => GammaModFactory.MethodName;

    public void Declare(IReducerSites sites)
    {
        for (int layer = 0; layer < layers; layer++)
        {
            sites.AfterAttention(layer, DecoderPhase.Prefill, Measure);
        }
    }

    /// <summary>What the forward gave.</summary>
    public ArankSample Take(string id) => new() { Id = id, Rows = _rows, Ranks = _ranks };

    public void Dispose()
    {
    }

    private RowSelection? Measure(ILayerContext context, IAttentionStatistics statistics)
    {
        _rows = context.Layout(0).Count;
        using DisposeScope scope = NewDisposeScope();
        List<Tensor> blocks = [];
        statistics.RowBlocks(0, [.. Enumerable.Range(0, _rows)], (_, probabilities) => blocks.Add(probabilities.to_type(ScalarType.Float16)));
        _ranks[context.Layer] = AttentionRank.OfLayer(cat(blocks, 1)); // [heads, rows, rows]
        return null;
    }
}
