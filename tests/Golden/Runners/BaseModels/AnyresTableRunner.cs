using Aperture.Golden.Tests.FitPrune;
using Aperture.Models;
using Aperture.Plugins.Llava;
using Aperture.Sequences;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.BaseModels;

/// <summary>The geometry of tiling for many sizes of pictures, whole numbers only, in either order of width and height.</summary>
public sealed class AnyresTableRunner : IGoldenRunner
{
    public string Area => "base-models";

    public string Kind => "anyres_table";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        bool heightFirst = golden.Config.GetProperty("pinpoints_order").GetString() == "(height,width)";
        ConfigReader reader = new(golden.Config, golden.Name);
        int side = golden.Config.Int("tile"), patches = side / golden.Config.Int("patch");
        LlavaTiling tiling = (heightFirst ? LlavaTiling.ParseHuggingFace(reader) : LlavaTiling.ParseOriginal(reader)).CheckedFor(side, golden.Name);
        VisualGrid grid = new(patches, patches);
        string order = heightFirst ? "hw" : "wh";
        long[] sizes = golden.Get($"in.image_sizes_{order}").data<long>().ToArray();
        TilePlan[] plans = [.. sizes.Chunk(2).Select(size => heightFirst
            ? tiling.Select((int)size[1], (int)size[0], side)
            : tiling.Select((int)size[0], (int)size[1], side))];
        VisualGrid[] parts = [.. plans.Select(plan => plan.Part(grid, tiling.Merge == TileMerge.SpatialUnpad, tiling.RoundsUnpadding).Grid)];
        Dictionary<string, int[][]> tables = new()
        {
            [$"out.best_{order}"] = Pairs(plans, plan => (plan.CanvasWidth, plan.CanvasHeight)),
            [$"out.resized_{order}"] = Pairs(plans, plan => plan.Resized),
            [$"out.grid_{order}"] = Pairs(plans, plan => (plan.Columns, plan.Rows)),
            ["out.paste_xy"] = [.. plans.Select(plan => (int[])[plan.Corner.X, plan.Corner.Y])],
            ["out.pad_left_top_right_bottom"] = [.. plans.Select(Margins)],
            ["out.num_images_fed"] = [.. plans.Select(plan => (int[])[1 + plan.Tiles])],
            ["out.num_tiles_with_base"] = [.. plans.Select(plan => (int[])[1 + plan.Tiles])],
            ["out.unpadded_rows_cols"] = [.. parts.Select(part => (int[])[part.Rows, part.Columns])],
            ["out.unpadded_cols_rows"] = [.. parts.Select(part => (int[])[part.Columns, part.Rows])],
            ["out.tokens"] = [.. plans.Select(plan => (int[])[Tokens(plan)])],
        };
        foreach (string name in golden.Names.Where(name => name.StartsWith("out.", StringComparison.Ordinal)))
        {
            golden.CompareExact(name, CaseNames.Whole(tables[name].SelectMany(row => row), golden.Get(name).shape));
        }

        int[][] Pairs(TilePlan[] of, Func<TilePlan, (int Width, int Height)> size)
            => [.. of.Select(size).Select(own => heightFirst ? (int[])[own.Height, own.Width] : [own.Width, own.Height])];

        int Tokens(TilePlan plan)
        {
            TileRows rows = TileRows.Of(plan, grid, [.. Enumerable.Range(0, grid.Count)], tiling);
            using DisposeScope inner = NewDisposeScope();
            return tiling.Merge == TileMerge.SpatialUnpad ? TileSeparators.Add(zeros(rows.Index.Length, 1), rows.Segments, zeros(1)).Count : rows.Index.Length;
        }
    }

    private static int[] Margins(TilePlan plan)
        => [plan.Corner.X, plan.Corner.Y, plan.CanvasWidth - plan.Resized.Width - plan.Corner.X, plan.CanvasHeight - plan.Resized.Height - plan.Corner.Y];
}
