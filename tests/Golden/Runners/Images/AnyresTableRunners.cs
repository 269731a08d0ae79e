using System.Text.Json;
using Aperture.Plugins.Llava;
using Aperture.Sequences;

namespace Aperture.Golden.Tests.Images;

/// <summary>Canvases, tiles and where the picture lies for real sizes, in the authors' order.</summary>
public sealed class LlavaAnyresTableRunner : IGoldenRunner
{
    public string Area => "images";

    public string Kind => "llava_anyres_table";

    public void Run(GoldenCase golden)
    {
        int side = golden.Meta.GetProperty("tile").GetInt32();
        LlavaTiling tiling = AnyresPicture.TilingOf(golden.Meta);
        JsonElement[] rows = [.. golden.Meta.GetProperty("rows").EnumerateArray()];
        Assert.NotEmpty(rows);
        Assert.All(rows, row =>
        {
            int[] size = RecordedPixels.Integers(row.GetProperty("size"));
            TilePlan plan = tiling.Select(size[0], size[1], side);
            (int width, int height) = plan.Resized;
            (int x, int y) = plan.Corner;
            Assert.Equal(RecordedPixels.Integers(row.GetProperty("best")), (int[])[plan.CanvasWidth, plan.CanvasHeight]);
            Assert.Equal(RecordedPixels.Integers(row.GetProperty("grid")), (int[])[plan.Columns, plan.Rows]);
            Assert.Equal(RecordedPixels.Integers(row.GetProperty("content_box")), (int[])[x, y, x + width, y + height]);
        });
    }
}

/// <summary>Tiles, grids without padding and counts for real sizes, in Hugging Face's order.</summary>
public sealed class LlavaNextTableRunner : IGoldenRunner
{
    public string Area => "images";

    public string Kind => "llava_next_table";

    public void Run(GoldenCase golden)
    {
        int side = golden.Meta.GetProperty("tile").GetInt32(), patches = side / golden.Meta.GetProperty("patch").GetInt32();
        VisualGrid grid = new(patches, patches);
        LlavaTiling tiling = AnyresPicture.TilingOf(golden.Meta);
        JsonElement[] rows = [.. golden.Meta.GetProperty("rows").EnumerateArray()];
        Assert.NotEmpty(rows);
        Assert.All(rows, row =>
        {
            TilePlan plan = tiling.Select(row[0].GetInt32(), row[1].GetInt32(), side);
            VisualGrid part = plan.Part(grid, unpad: true, tiling.RoundsUnpadding).Grid;
            Assert.Equal([row[2].GetInt32(), row[3].GetInt32(), row[4].GetInt32()], (int[])[plan.Rows, plan.Columns, 1 + plan.Tiles]);
            Assert.Equal(RecordedPixels.Integers(row[5]), (int[])[part.Rows, part.Columns]);

            // The recorded count has one more for the class token, which the caller subtracts.
            Assert.Equal(row[6].GetInt32(), grid.Count + (part.Rows * (part.Columns + 1)) + 1);
        });
    }
}
