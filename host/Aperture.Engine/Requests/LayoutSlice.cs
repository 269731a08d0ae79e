using Aperture.Sequences;

namespace Aperture.Requests;

/// <summary>A part of a sequence as a sequence of its own.</summary>
internal static class LayoutSlice
{
    /// <summary>The rows behind the first ones, with their kinds, pictures and position ids. No rows of the layout were dropped.</summary>
    /// <param name="layout">The sequence.</param>
    /// <param name="rows">How many rows stand before; a picture is not cut.</param>
    public static SequenceLayout After(SequenceLayout layout, int rows) => Between(layout, rows, layout.Count);

    /// <summary>Neighbouring rows, with their kinds, pictures and position ids. No rows of the layout were dropped.</summary>
    /// <param name="layout">The sequence.</param>
    /// <param name="from">The first row; a picture is not cut.</param>
    /// <param name="to">One past the last row; a picture is not cut.</param>
    public static SequenceLayout Between(SequenceLayout layout, int from, int to)
    {
        List<Span> spans = [];
        int start = 0;
        foreach (Span span in layout.OriginalSpans)
        {
            int end = start + span.Length, rows = Math.Min(end, to) - Math.Max(start, from);
            if (rows == span.Length)
            {
                spans.Add(span);
            }
            else if (rows > 0)
            {
                spans.Add(span with { Length = rows });
            }

            start = end;
        }

        return SequenceLayout.Create(spans)
            .WithPositions([.. Enumerable.Range(0, layout.PositionAxes).Select(axis => layout.PositionsOf(axis)[from..to].ToArray())]);
    }
}
