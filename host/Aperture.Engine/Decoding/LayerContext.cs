using Aperture.Models;
using Aperture.Sequences;
using static TorchSharp.torch;

namespace Aperture.Decoding;

/// <summary>What hooks see of a layer, over the forward's current rows.</summary>
internal sealed class LayerContext(ForwardState state, int layer, DecoderLayerWeights weights) : ILayerContext
{
    public IRequestContext Request => state.Request;

    public int Layer => layer;

    public DecoderPhase Phase => state.Phase;

    public int Samples => state.Samples;

    public ReadOnlySpan<int> Offsets => state.Offsets;

    public Tensor? Labels => state.Labels;

    public SequenceLayout Layout(int sample) => state.Layout(sample);

    public Tensor Dense(LayerMatrix matrix) => matrix switch
    {
        LayerMatrix.Query => weights.Query.Dense(),
        LayerMatrix.Key => weights.Key.Dense(),
        LayerMatrix.Value => weights.Value.Dense(),
        LayerMatrix.Gate => weights.Gate?.Dense() ?? throw new NotSupportedException(
            $"The feed-forward network of layer {layer} has no gate; it has two matrices, up and down."),
        _ => weights.Up.Dense(),
    };

    public int CacheLength(int sample) => state.Cache?.Length(layer, sample) ?? 0;
}
