using Aperture.Decoding;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.FlashSloth;

/// <summary>Copies of what the first forward shows. Tensors belong to the scope that was open when the trace was made.</summary>
internal sealed class FlashTrace : IDecoderTrace
{
    public Dictionary<int, Tensor> Inputs { get; } = [];

    public Dictionary<int, Tensor> Outputs { get; } = [];

    public Dictionary<(int Layer, int Sample), (Tensor Keys, Tensor Values)> Caches { get; } = [];

    public Dictionary<string, List<Tensor>> Values { get; } = [];

    /// <summary>Values of pictures, in the order of their tiles.</summary>
    public List<(PictureTile Picture, string Name, Tensor Value)> Pictures { get; } = [];

    public bool WantsPictureValue(string name) => true;

    public void PictureValue(PictureTile picture, string name, Tensor value) => Pictures.Add((picture, name, value.clone().DetachFromDisposeScope()));

    public void LayerInput(ILayerContext context, Tensor rows) => Inputs.TryAdd(context.Layer, rows.clone().DetachFromDisposeScope());

    public void LayerOutput(ILayerContext context, Tensor rows) => Outputs.TryAdd(context.Layer, rows.clone().DetachFromDisposeScope());

    public void LayerCache(ILayerContext context, int sample, Tensor keys, Tensor values)
        => Caches.TryAdd((context.Layer, sample), (keys.clone().DetachFromDisposeScope(), values.clone().DetachFromDisposeScope()));

    public void Value(ILayerContext context, int sample, string name, Tensor value)
    {
        if (!Values.TryGetValue(name, out List<Tensor>? all))
        {
            Values[name] = all = [];
        }

        all.Add(value.clone().DetachFromDisposeScope());
    }
}
