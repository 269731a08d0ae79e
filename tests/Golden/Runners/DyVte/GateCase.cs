using Aperture.Plugins.DyVte;
using Aperture.Plugins.DyVte.Gates;
using Aperture.Sequences;

namespace Aperture.Golden.Tests.DyVte;

/// <summary>What the cases of the area have in common.</summary>
internal static class GateCase
{
    /// <summary>The case's gates, read from its weights under their published names.</summary>
    public static GateSet Gates(GoldenCase golden, int hiddenSize)
    {
        Aperture.Weights.IWeightSource weights = golden.Weights();
        return new GateSet(weights, GateKeys.Find(weights)!.Prefix, 2 * hiddenSize);
    }

    /// <summary>The method as its options make it by default.</summary>
    public static ExitReducer Reducer(GoldenCase golden, int hiddenSize) => new(new DyVteOptions(), Gates(golden, hiddenSize));

    /// <summary>One image between a prefix and text.</summary>
    public static SequenceLayout Layout(int prefix, int visual, int text) => SequenceLayout.Create(
    [
        new Aperture.Sequences.Span(SpanKind.System, prefix),
        new Aperture.Sequences.Span(SpanKind.Image, visual) { Image = 0, Grid = new VisualGrid(1, visual) },
        new Aperture.Sequences.Span(SpanKind.Text, text),
    ]);
}
