using Aperture.Decoding;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.Eas;

/// <summary>Keeps copies of each layer's output rows and of what the adapters report, sample after sample. Owns them.</summary>
internal sealed class EasTrace : IDecoderTrace, IDisposable
{
    private readonly Dictionary<(string Name, int Layer), List<Tensor>> _values = [];

    /// <summary>The last forward's packed output rows <c>[rows, d]</c>, by layer.</summary>
    public Dictionary<int, Tensor> Outputs { get; } = [];

    /// <summary>A reported value of all samples, <c>[samples, ...]</c>; the caller disposes it.</summary>
    public Tensor this[string name, int layer] => stack(_values[(name, layer)], 0);

    public void LayerOutput(ILayerContext context, Tensor rows)
    {
        Outputs.GetValueOrDefault(context.Layer)?.Dispose();
        Outputs[context.Layer] = rows.clone().DetachFromDisposeScope();
    }

    public void Value(ILayerContext context, int sample, string name, Tensor value)
    {
        if (!_values.TryGetValue((name, context.Layer), out List<Tensor>? values))
        {
            _values[(name, context.Layer)] = values = [];
        }

        values.Add(value.clone().DetachFromDisposeScope());
    }

    public void Dispose()
    {
        foreach (Tensor tensor in Outputs.Values.Concat(_values.Values.SelectMany(values => values)))
        {
            tensor.Dispose();
        }
    }
}
