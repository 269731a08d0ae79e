using Aperture.Decoding;
using static TorchSharp.torch;

namespace Aperture.Host.Tests.Decoding;

/// <summary>Keeps copies of every layer's input and output rows and what it counted. Owns them.</summary>
internal sealed class RowsTrace : IDecoderTrace, IDisposable
{
    public Dictionary<int, Tensor> Inputs { get; } = [];

    public Dictionary<int, Tensor> Outputs { get; } = [];

    public List<(int Layer, LayerWork Work)> Work { get; } = [];

    public void LayerInput(ILayerContext context, Tensor rows) => Inputs[context.Layer] = rows.clone();

    public void LayerOutput(ILayerContext context, Tensor rows) => Outputs[context.Layer] = rows.clone();

    public void LayerWork(ILayerContext context, LayerWork work) => Work.Add((context.Layer, work));

    public void Dispose()
    {
        foreach (Tensor tensor in Inputs.Values.Concat(Outputs.Values))
        {
            tensor.Dispose();
        }
    }
}
