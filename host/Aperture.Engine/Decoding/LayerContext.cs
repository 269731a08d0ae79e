using Aperture.Sequences;
using static TorchSharp.torch;

namespace Aperture.Decoding;

/// <summary>What hooks see of a layer, over the forward's current rows.</summary>
internal sealed class LayerContext(ForwardState state, int layer) : ILayerContext
{
    public IRequestContext Request => state.Request;

    public int Layer => layer;

    public DecoderPhase Phase => state.Phase;

    public int Samples => state.Samples;

    public ReadOnlySpan<int> Offsets => state.Offsets;

    public Tensor? Labels => state.Labels;

    public SequenceLayout Layout(int sample) => state.Layout(sample);

    public int CacheLength(int sample) => state.Cache?.Length(layer, sample) ?? 0;
}
