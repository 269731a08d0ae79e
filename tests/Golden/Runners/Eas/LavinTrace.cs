using Aperture.Decoding;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.Eas;

/// <summary>Keeps copies of what the layers of the first two forwards read and wrote, and of what the method names of the first. Owns them.</summary>
internal sealed class LavinTrace : IDecoderTrace, IDisposable
{
    private readonly Dictionary<int, Tensor> _inputs = [];
    private readonly Dictionary<(int Step, int Layer), Tensor> _outputs = [];
    private readonly SortedDictionary<(string Name, int Layer, int Sample), Tensor> _values = [];

    /// <summary>The rows that entered the first layer: <c>[samples, rows, d]</c>.</summary>
    public Tensor Input(int step) => _inputs[step];

    /// <summary>The rows that left a layer: <c>[samples, rows, d]</c>.</summary>
    public Tensor Output(int step, int layer) => _outputs[(step, layer)];

    /// <summary>A named value of the first forward, all samples on top of each other; null where it was not named.</summary>
    public Tensor? Value(string name, int layer)
    {
        Tensor[] samples = [.. _values.Where(value => value.Key.Name == name && value.Key.Layer == layer).Select(value => value.Value)];
        return samples.Length == 0 ? null : stack(samples, 0);
    }

    public void LayerInput(ILayerContext context, Tensor rows)
    {
        if (context.Layer == 0 && context.Request.Step <= 1)
        {
            _inputs[context.Request.Step] = Rectangle(context, rows);
        }
    }

    public void LayerOutput(ILayerContext context, Tensor rows)
    {
        if (context.Request.Step <= 1)
        {
            _outputs[(context.Request.Step, context.Layer)] = Rectangle(context, rows);
        }
    }

    public void Value(ILayerContext context, int sample, string name, Tensor value)
    {
        if (context.Request.Step == 0)
        {
            _values[(name, context.Layer, sample)] = value.clone().DetachFromDisposeScope();
        }
    }

    public void Dispose()
    {
        foreach (Tensor tensor in _inputs.Values.Concat(_outputs.Values).Concat(_values.Values))
        {
            tensor.Dispose();
        }
    }

    private static Tensor Rectangle(ILayerContext context, Tensor rows) => rows.reshape(context.Samples, -1, rows.size(1)).clone().DetachFromDisposeScope();
}
