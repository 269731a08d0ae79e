using Aperture.Sequences;

namespace Aperture.Requests;

/// <summary>The end of a sequence as a sequence of its own.</summary>
internal static class LayoutSlice
{
    /// <summary>The rows behind the first ones, with their kinds, pictures and position ids. No rows of the layout were dropped.</summary>
    /// <param name="layout">The sequence.</param>
    /// <param name="rows">How many rows stand before; a picture is not cut.</param>
    public static SequenceLayout After(SequenceLayout layout, int rows)
    {
        List<Span> spans = [];
        int from = 0;
        foreach (Span span in layout.OriginalSpans)
        {
            int end = from + span.Length;
            if (from >= rows)
            {
                spans.Add(span);
            }
            else if (end > rows)
            {
                spans.Add(span with { Length = end - rows });
            }

            from = end;
        }

        return SequenceLayout.Create(spans)
            .WithPositions([.. Enumerable.Range(0, layout.PositionAxes).Select(axis => layout.PositionsOf(axis)[rows..].ToArray())]);
    }
}
