using Aperture.Measuring;
using Aperture.Sequences;

namespace Aperture.Vision;

/// <summary>
/// A run of a picture's visual rows that belong together: the rows of one tile, or of a picture that is not cut into tiles. A picture is a list of segments, in
/// the order of its rows. Token maps, counts, operations and budgets come from them.
/// </summary>
/// <param name="Rows">Number of rows.</param>
public sealed record VisualSegment(int Rows)
{
    /// <summary>What the rows are: <see cref="SpanKind.Image"/>, or <see cref="SpanKind.LearnedQuery"/> for queries that summarise the picture.</summary>
    public SpanKind Kind { get; init; } = SpanKind.Image;

    /// <summary>The grid that <see cref="Places"/> refer to.</summary>
    public VisualGrid Grid { get; init; }

    /// <summary>
    /// The grid place of each row, -1 for a row that has none; null means 0, 1, 2, … in order. A merged row has the place of its representative.
    /// </summary>
    public int[]? Places { get; init; }

    /// <summary>For merged rows all grid places that each row stands for; null means only its own.</summary>
    public int[][]? Sources { get; init; }

    /// <summary>Which tile of the picture, from 0.</summary>
    public int Tile { get; init; }

    /// <summary>The rectangle of the picture that the grid covers; null where rows have no place in the picture, such as class tokens.</summary>
    public PictureArea? Area { get; init; }

    /// <summary>Which rows, by their index in the segment, ascending, are separators without a place, such as LLaVA-NeXT's at the end of a grid row.</summary>
    public int[] Separators { get; init; } = [];

    /// <summary>The grid place of each row, written out.</summary>
    public int[] WrittenPlaces => Places ?? [.. Enumerable.Range(0, Rows)];

    /// <summary>Some of the rows.</summary>
    /// <param name="rows">Indices in the segment, in the order that the rows will have.</param>
    public VisualSegment Keep(IReadOnlyList<int> rows)
    {
        int[] places = WrittenPlaces;
        HashSet<int> separators = [.. Separators];
        return this with
        {
            Rows = rows.Count,
            Places = [.. rows.Select(row => places[row])],
            Sources = Sources is { } sources ? [.. rows.Select(row => sources[row])] : null,
            Separators = [.. Enumerable.Range(0, rows.Count).Where(i => separators.Contains(rows[i]))],
        };
    }

    /// <summary>One segment without tiles whose rows fill a grid in order.</summary>
    /// <param name="grid">The grid.</param>
    /// <param name="area">The rectangle that it covers; null where rows have no place in the picture.</param>
    public static VisualSegment Of(VisualGrid grid, PictureArea? area = null) => new(grid.Count) { Grid = grid, Area = area };
}
