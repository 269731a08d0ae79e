using Aperture.Decoding;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.GammaMod;

/// <summary>Keeps copies of what forwards show, call by call. Owns them.</summary>
/// <param name="attention">Whether attention maps are wanted.</param>
internal sealed class RoutingTrace(bool attention = false) : IDecoderTrace, IDisposable
{
    private readonly Dictionary<string, List<Tensor>> _seen = [];

    /// <summary>All copies of one kind in one layer, in order.</summary>
    public IReadOnlyList<Tensor> All(string kind, int layer) => _seen.GetValueOrDefault($"{kind}.{layer}") ?? [];

    /// <summary>The latest.</summary>
    public Tensor Last(string kind, int layer) => All(kind, layer)[^1];

    public void LayerInput(ILayerContext context, Tensor rows) => Keep("input", context, rows);

    public void LayerOutput(ILayerContext context, Tensor rows) => Keep("output", context, rows);

    public void LayerCache(ILayerContext context, int sample, Tensor keys, Tensor values)
    {
        Keep("k", context, keys.unsqueeze(0));
        Keep("v", context, values.unsqueeze(0));
    }

    public bool WantsAttention(int layer) => attention;

    public void LayerAttention(ILayerContext context, IAttentionStatistics statistics)
    {
        List<Tensor> blocks = [];
        statistics.RowBlocks(0, [.. Enumerable.Range(0, context.Layout(0).Count)], (_, block) => blocks.Add(block.clone()));
        Keep("attention", context, cat(blocks, 1).unsqueeze(0));
    }

    public void Value(ILayerContext context, int sample, string name, Tensor value) => Keep(name, context, value);

    public void Dispose()
    {
        foreach (Tensor tensor in _seen.Values.SelectMany(tensors => tensors))
        {
            tensor.Dispose();
        }
    }

    private void Keep(string kind, ILayerContext context, Tensor tensor)
    {
        string key = $"{kind}.{context.Layer}";
        if (!_seen.TryGetValue(key, out List<Tensor>? list))
        {
            _seen[key] = list = [];
        }

        list.Add(tensor.detach().clone().DetachFromDisposeScope()); // a hook reports from inside a scope of its own
    }
}
