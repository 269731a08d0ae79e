using Aperture.Decoding;
using Aperture.Scheduling;
using static TorchSharp.torch;

namespace Aperture.Tests;

/// <summary>Keeps copies of every layer's latest input and output rows, and everything that layers counted. Owns the copies.</summary>
internal sealed class Recorder : IDecoderTrace, IDisposable
{
    public Dictionary<int, Tensor> Inputs { get; } = [];

    public Dictionary<int, Tensor> Outputs { get; } = [];

    public List<(int Layer, DecoderPhase Phase, LayerWork Work)> Work { get; } = [];

    public void LayerInput(ILayerContext context, Tensor rows) => Keep(Inputs, context.Layer, rows);

    public void LayerOutput(ILayerContext context, Tensor rows) => Keep(Outputs, context.Layer, rows);

    public void LayerWork(ILayerContext context, LayerWork work) => Work.Add((context.Layer, context.Phase, work));

    public void Dispose()
    {
        foreach (Tensor tensor in Inputs.Values.Concat(Outputs.Values))
        {
            tensor.Dispose();
        }

        Inputs.Clear();
        Outputs.Clear();
    }

    private static void Keep(Dictionary<int, Tensor> kept, int layer, Tensor rows)
    {
        kept.GetValueOrDefault(layer)?.Dispose();
        kept[layer] = rows.clone().DetachFromDisposeScope();
    }
}
