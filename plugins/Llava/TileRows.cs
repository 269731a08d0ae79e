using Aperture.Sequences;
using Aperture.Vision;

namespace Aperture.Plugins.Llava;

/// <summary>Which rows of a picture's tiles go on, in their order, and what they are.</summary>
/// <param name="Index">Rows of all tiles one after the other, the whole picture first.</param>
/// <param name="Segments">What they are: the whole picture, then each tile, or the one grid that the tiles are joined to.</param>
internal sealed record TileRows(long[] Index, IReadOnlyList<VisualSegment> Segments)
{
    /// <summary>Puts the rows of a picture's tiles in order.</summary>
    /// <param name="plan">How the picture was cut.</param>
    /// <param name="grid">Rows and columns of a tile's grid.</param>
    /// <param name="places">The grid place of each row of a tile, the same for all tiles; -1 for a row without one.</param>
    /// <param name="tiling">How tiles are joined.</param>
    public static TileRows Of(TilePlan plan, VisualGrid grid, int[] places, LlavaTiling tiling)
    {
        PictureArea whole = new(0, 0, plan.Width, plan.Height);
        List<long> index = [.. Enumerable.Range(0, places.Length).Select(row => (long)row)];
        List<VisualSegment> segments = [Tile(0, grid, places, whole)];
        if (plan.Tiles == 0)
        {
            return new TileRows([.. index], segments);
        }

        if (tiling.Merge == TileMerge.Flat)
        {
            index.AddRange(Enumerable.Range(places.Length, plan.Tiles * places.Length).Select(row => (long)row));
            segments.AddRange(Enumerable.Range(0, plan.Tiles).Select(tile => Tile(
                1 + tile, grid, places, plan.AreaOf(grid, new GridPart(tile / plan.Columns * grid.Rows, tile % plan.Columns * grid.Columns, grid)))));
            return new TileRows([.. index], segments);
        }

        Join(plan, grid, places, tiling, index, segments);
        return new TileRows([.. index], segments);
    }

    private static VisualSegment Tile(int tile, VisualGrid grid, int[] places, PictureArea area) => new(places.Length)
    {
        Grid = grid,
        Places = IsWhole(places, grid) ? null : places,
        Tile = tile,
        Area = area,
    };

    // The joined grid's rows from the left to the right, across tiles.
    private static void Join(TilePlan plan, VisualGrid grid, int[] places, LlavaTiling tiling, List<long> index, List<VisualSegment> segments)
    {
        int[] rowOf = new int[grid.Count];
        Array.Fill(rowOf, -1);
        int[] unplaced = [.. Enumerable.Range(0, places.Length).Where(row => places[row] < 0)];
        foreach (int row in Enumerable.Range(0, places.Length).Except(unplaced))
        {
            rowOf[places[row]] = row;
        }

        if (unplaced.Length > 0)
        {
            index.AddRange(Enumerable.Range(1, plan.Tiles).SelectMany(tile => unplaced.Select(row => ((long)tile * places.Length) + row)));
            segments.Add(new VisualSegment(plan.Tiles * unplaced.Length) { Places = [.. Enumerable.Repeat(-1, plan.Tiles * unplaced.Length)] });
        }

        GridPart part = plan.Part(grid, tiling.Merge == TileMerge.SpatialUnpad, tiling.RoundsUnpadding);
        List<int> joined = new(part.Grid.Count);
        for (int place = 0; place < part.Grid.Count; place++)
        {
            int row = part.Row + (place / part.Grid.Columns), column = part.Column + (place % part.Grid.Columns);
            int tile = (row / grid.Rows * plan.Columns) + (column / grid.Columns);
            if (rowOf[(row % grid.Rows * grid.Columns) + (column % grid.Columns)] is >= 0 and int own)
            {
                index.Add(((1L + tile) * places.Length) + own);
                joined.Add(place);
            }
        }

        segments.Add(Tile(1, part.Grid, [.. joined], plan.AreaOf(grid, part)));
    }

    private static bool IsWhole(int[] places, VisualGrid grid) => places.Length == grid.Count && !places.Where((place, row) => place != row).Any();
}
