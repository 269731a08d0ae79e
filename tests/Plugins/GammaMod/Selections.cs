using Aperture.Decoding;
using Aperture.Scheduling;
using static TorchSharp.torch;

namespace Aperture.Plugins.GammaMod.Tests;

/// <summary>What the method reports: per forward, layer and sample the original rows that ran, and their probabilities.</summary>
internal sealed class Selections : IDecoderTrace
{
    public List<(DecoderPhase Phase, int Layer, int Sample, int[] Rows)> Chosen { get; } = [];

    public List<(int Layer, int Sample, float[] Values)> Probabilities { get; } = [];

    /// <summary>Positions of the rows that attended, forward by forward.</summary>
    public List<(int Layer, int[] Ids)> Positions { get; } = [];

    public List<LayerWork> Work { get; } = [];

    public int[] Prefill(int layer, int sample) => Chosen.First(c => c.Phase == DecoderPhase.Prefill && c.Layer == layer && c.Sample == sample).Rows;

    public void Value(ILayerContext context, int sample, string name, Tensor value)
    {
        if (name == "gamma-mod.selected")
        {
            Chosen.Add((context.Phase, context.Layer, sample, [.. value.data<long>().ToArray().Select(row => (int)row)]));
        }
        else
        {
            Probabilities.Add((context.Layer, sample, value.data<float>().ToArray()));
        }
    }

    public void LayerCache(ILayerContext context, int sample, Tensor keys, Tensor values)
        => Positions.Add((context.Layer, context.Layout(sample).Positions.ToArray()));

    public void LayerWork(ILayerContext context, LayerWork work) => Work.Add(work);
}
