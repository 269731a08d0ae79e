using Aperture.Decoding;
using Aperture.Sequences;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.DyVte;

/// <summary>
/// Keeps copies of what the prefill of one sample shows: rows and layouts before a layer and after it (there before anything is dropped), caches and named
/// values. Owns them.
/// </summary>
internal sealed class ExitTrace : ITokenReducer, IDecoderTrace
{
    private readonly Dictionary<string, Tensor> _tensors = [];

    public string Name => "recorder";

    /// <summary>Layouts that enter each layer.</summary>
    public List<SequenceLayout> Entering { get; } = [];

    /// <summary>A copy by kind and layer.</summary>
    public Tensor this[string kind, int layer]
        => _tensors.TryGetValue($"{kind}.{layer}", out Tensor? tensor)
            ? tensor
            : throw new KeyNotFoundException($"The prefill showed no {kind} in layer {layer}.");

    /// <summary>Layers in which a named value was reported.</summary>
    public int[] LayersOf(string kind) => [.. Enumerable.Range(0, Entering.Count).Where(layer => _tensors.ContainsKey($"{kind}.{layer}"))];

    /// <summary>The layer after which the sample exited; -1 if it did not.</summary>
    public int ExitLayer => LayersOf("dyvte.exit") is [int layer] ? layer : -1;

    /// <summary>As the first of the methods it sees a layer's rows before others drop some.</summary>
    public void Declare(IReducerSites sites)
    {
        for (int layer = 0; layer < sites.Decoder.Layers; layer++)
        {
            sites.AfterLayer(layer, DecoderPhase.Prefill, needsAttention: false, (context, rows, _) =>
            {
                Keep("output", context, rows);
                return null;
            });
        }
    }

    public void LayerInput(ILayerContext context, Tensor rows)
    {
        if (context.Phase == DecoderPhase.Prefill)
        {
            Entering.Add(context.Layout(0));
            Keep("input", context, rows);
        }
    }

    public void LayerCache(ILayerContext context, int sample, Tensor keys, Tensor values)
    {
        Keep("k", context, keys);
        Keep("v", context, values);
    }

    public void Value(ILayerContext context, int sample, string name, Tensor value) => Keep(name, context, value);

    public void Dispose()
    {
        foreach (Tensor tensor in _tensors.Values)
        {
            tensor.Dispose();
        }
    }

    private void Keep(string kind, ILayerContext context, Tensor tensor)
    {
        if (context.Phase == DecoderPhase.Prefill)
        {
            _tensors[$"{kind}.{context.Layer}"] = tensor.clone().DetachFromDisposeScope();
        }
    }
}
