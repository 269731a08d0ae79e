using Aperture.Sequences;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.Llava;

/// <summary>
/// Puts LLaVA-1.6's learned separator behind each row of the grid that tiles were joined to; behind all rows of a picture that was not cut.
/// </summary>
internal static class TileSeparators
{
    /// <summary>
    /// Adds the separators. A grid row of which nothing is left gets none; an empty grid without columns has one a row, as the authors' code does.
    /// </summary>
    /// <param name="rows">Rows of all segments <c>[rows, d]</c>; borrowed.</param>
    /// <param name="segments">What they are.</param>
    /// <param name="separator">The separator <c>[d]</c>; borrowed.</param>
    /// <returns>The rows with separators; the caller disposes them.</returns>
    public static VisualTokens Add(Tensor rows, IReadOnlyList<VisualSegment> segments, Tensor separator)
    {
        int count = (int)rows.size(0), first = 0;
        bool cut = segments.Any(segment => segment.Tile > 0);
        List<long> index = new(count + 64);
        List<VisualSegment> separated = [];
        for (int at = 0; at < segments.Count; at++)
        {
            VisualSegment segment = segments[at];
            int[] order = segment.Tile > 0 ? Broken(segment)
                : !cut && at == segments.Count - 1 ? [.. Enumerable.Range(0, segment.Rows), -1]
                : [.. Enumerable.Range(0, segment.Rows)];
            index.AddRange(order.Select(row => row < 0 ? count : (long)first + row));
            separated.Add(order.Length == segment.Rows ? segment : With(segment, order));
            first += segment.Rows;
        }

        using DisposeScope scope = NewDisposeScope();
        Tensor all = cat([rows, separator.to(rows.dtype).unsqueeze(0)], 0); // [rows, d], [1, d] -> [rows + 1, d]
        Tensor places = tensor([.. index], device: rows.device);
        return new VisualTokens(all.index_select(0, places).MoveToOuterDisposeScope(), separated); // [rows + 1, d] -> [rows + separators, d]
    }

    /// <summary>How many separators a grid gets of which every place has a row.</summary>
    /// <param name="grid">The grid.</param>
    public static int Of(VisualGrid grid) => grid.Rows;

    // The segment's rows with -1 where a separator stands.
    private static int[] Broken(VisualSegment segment)
    {
        VisualGrid grid = segment.Grid;
        if (grid.Columns == 0)
        {
            return [.. Enumerable.Repeat(-1, grid.Rows)];
        }

        int[] places = segment.WrittenPlaces;
        List<int> order = new(segment.Rows + grid.Rows);
        int current = -1;
        for (int row = 0; row < places.Length; row++)
        {
            int own = places[row] < 0 ? current : places[row] / grid.Columns;
            if (current >= 0 && own != current)
            {
                order.Add(-1);
            }

            current = own;
            order.Add(row);
        }

        if (current >= 0)
        {
            order.Add(-1);
        }

        return [.. order];
    }

    private static VisualSegment With(VisualSegment segment, int[] order)
    {
        int[] places = segment.WrittenPlaces;
        return segment with
        {
            Rows = order.Length,
            Places = [.. order.Select(row => row < 0 ? -1 : places[row])],
            Sources = segment.Sources is { } sources ? [.. order.Select(row => row < 0 ? [] : sources[row])] : null,
            Separators = [.. Enumerable.Range(0, order.Length).Where(row => order[row] < 0)],
        };
    }
}
