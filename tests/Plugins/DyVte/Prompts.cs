using Aperture.Sequences;
using Aperture.Tasks;

namespace Aperture.Plugins.DyVte.Tests;

/// <summary>Layouts for tests.</summary>
internal static class Prompts
{
    /// <summary>One image between a prefix and a question.</summary>
    public static SequenceLayout With(int prefix, int visual, int text) => SequenceLayout.Create(Spans(prefix, visual, text));

    public static IReadOnlyList<Span> Spans(int prefix, int visual, int text) =>
    [
        new Span(SpanKind.System, prefix),
        new Span(SpanKind.Image, visual) { Image = 0, Grid = new VisualGrid(1, visual) },
        new Span(SpanKind.Text, text),
    ];
}
