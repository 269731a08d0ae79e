using System.Text.Json;
using Aperture.Models;
using Aperture.Sequences;
using Aperture.Vision;
using static TorchSharp.torch;

namespace Aperture.Plugins.Llava.Tests;

/// <summary>How pictures are cut into tiles, and what of them becomes rows.</summary>
public sealed class LlavaTilingTests
{
    private const string Original = """{ "mm_vision_tower": "clip", "image_aspect_ratio": "anyres", """;
    private static readonly VisualGrid _grid = new(4, 4);

    [Theory]
    [InlineData("[[28, 56], [56, 28]]")]
    [InlineData("\"[[28, 56], [56, 28]]\"")]
    [InlineData("\"[(28, 56), (56, 28)]\"")]
    public void Resolutions_stand_as_a_list_or_as_text_and_the_layouts_read_them_in_opposite_orders(string pinpoints)
    {
        LlavaTiling original = Parse($$"""{{Original}} "image_grid_pinpoints": {{pinpoints}} }""").Tiling!;
        LlavaTiling other = Parse($$"""{ "model_type": "llava_next", "text_config": {}, "image_grid_pinpoints": {{pinpoints}} }""").Tiling!;

        Assert.Equal([(28, 56), (56, 28)], original.Pinpoints);
        Assert.Equal([(56, 28), (28, 56)], other.Pinpoints);
        Assert.Equal((TileMerge.Flat, TileMerge.SpatialUnpad), (original.Merge, other.Merge));
        TilePlan tall = original.Select(20, 20, 28), wide = other.Select(20, 20, 28); // a tie: the first resolution wins
        Assert.Equal((1, 2, 2, 1), (tall.Columns, tall.Rows, wide.Columns, wide.Rows));
    }

    [Theory]
    [InlineData("\"mm_patch_merge_type\": \"mosaic\", \"image_grid_pinpoints\": [[28, 56]]", "mm_patch_merge_type 'mosaic' is not supported")]
    [InlineData("\"mm_patch_merge_type\": \"spatial\"", "there is no image_grid_pinpoints")]
    [InlineData("\"image_grid_pinpoints\": []", "image_grid_pinpoints is [] but must be a list of 1 to")]
    [InlineData("\"image_grid_pinpoints\": [[28]]", "but must be a list of 1 to")]
    [InlineData("\"image_grid_pinpoints\": [[28, -56]]", "but must be a list of 1 to")]
    [InlineData("\"image_grid_pinpoints\": \"__import__('os')\"", "but must be a list of 1 to")]
    public void What_a_configuration_gets_wrong_is_told_in_one_line(string keys, string told)
    {
        string message = Assert.Throws<ApertureException>(() => Parse($"{Original} {keys} }}")).Message;

        Assert.Contains(told, message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }

    [Fact]
    public void Resolutions_must_be_tiles_of_the_tower()
    {
        LlavaTiling tiling = new([(28, 56), (42, 28)], TileMerge.SpatialUnpad);

        Assert.Equal(
            "config.json: image_grid_pinpoints has 42x28, which is no multiple of the vision tower's 28 pixels; give multiples of 28.",
            Assert.Throws<ApertureException>(() => tiling.CheckedFor(28, "config.json")).Message);
        Assert.Contains(
            "more than 144 tiles",
            Assert.Throws<ApertureException>(() => new LlavaTiling([(28_000, 28_000)], TileMerge.Flat).CheckedFor(28, "config.json")).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, 5)]
    [InlineData(5, 0)]
    public void A_picture_without_area_is_refused(int width, int height)
        => Assert.Equal(
            $"A picture of {width}x{height} pixels has no area, so there is nothing to look at.",
            Assert.Throws<ApertureException>(() => new LlavaTiling([(28, 56)], TileMerge.SpatialUnpad).Select(width, height, 28)).Message);

    [Fact]
    public void Joined_tiles_are_one_grid_that_lies_where_the_picture_is()
    {
        LlavaTiling tiling = new([(56, 56)], TileMerge.SpatialUnpad);
        TilePlan plan = tiling.Select(112, 56, 28); // 56x28 on a canvas of 56x56, 14 black rows above and below

        TileRows rows = TileRows.Of(plan, _grid, [.. Enumerable.Range(0, 16)], tiling);

        Assert.Equal(2, rows.Segments.Count);
        Assert.Equal(new PictureArea(0, 0, 112, 56), rows.Segments[0].Area);
        Assert.Equal((1, new VisualGrid(4, 8)), (rows.Segments[1].Tile, rows.Segments[1].Grid));
        Assert.Equal(new PictureArea(0, 0, 112, 56), rows.Segments[1].Area);
        Assert.Equal(16 + 32, rows.Index.Length);
        Assert.Equal([16 + 8, 16 + 9, 16 + 10, 16 + 11, 32 + 8, 32 + 9], rows.Index[16..22]); // the third row of the upper tiles, left then right
    }

    [Fact]
    public void Flat_tiles_are_segments_of_their_own_that_may_reach_beyond_the_picture()
    {
        LlavaTiling tiling = new([(56, 56)], TileMerge.Flat);

        TileRows rows = TileRows.Of(tiling.Select(112, 56, 28), _grid, [.. Enumerable.Range(0, 16)], tiling);

        Assert.Equal(Enumerable.Range(0, 5), rows.Segments.Select(segment => segment.Tile));
        Assert.Equal(Enumerable.Range(0, 80).Select(row => (long)row), rows.Index);
        Assert.Equal(
            [new PictureArea(0, -28, 56, 56), new PictureArea(56, -28, 56, 56)], rows.Segments.Skip(1).Take(2).Select(segment => segment.Area!.Value));
    }

    [Fact]
    public void Separators_stand_behind_grid_rows_that_have_something_left()
    {
        LlavaTiling tiling = new([(56, 28)], TileMerge.SpatialUnpad);
        int[] places = [0, 1, 2, 3, 8, 9, 15]; // what a method inside the tower left of each tile: nothing of its second row
        TileRows rows = TileRows.Of(tiling.Select(56, 28, 28), _grid, places, tiling);
        using Tensor features = arange(rows.Index.Length).to_type(ScalarType.Float32).unsqueeze(1), separator = full(1, -1f);

        using VisualTokens tokens = TileSeparators.Add(features, rows.Segments, separator);

        VisualSegment joined = tokens.Segments[1];
        Assert.Equal([8, 13, 16], joined.Separators);
        Assert.Equal([0, 1, 2, 3, 4, 5, 6, 7, -1, 16, 17, 20, 21, -1, 27, 31, -1], joined.Places!);
        Assert.Equal([7, 15, 20, 23], Enumerable.Range(0, tokens.Count).Where(row => row == 7 || tokens.Rows[row, 0].item<float>() < 0));
        Assert.Equal(7 + 17, tokens.Count);
    }

    [Fact]
    public void A_picture_so_thin_that_nothing_of_it_is_left_still_has_its_separators()
    {
        LlavaTiling tiling = new([(28, 84)], TileMerge.SpatialUnpad);
        TileRows rows = TileRows.Of(tiling.Select(1, 2000, 28), _grid, [.. Enumerable.Range(0, 16)], tiling);
        using Tensor features = zeros(rows.Index.Length, 2), separator = ones(2);

        using VisualTokens tokens = TileSeparators.Add(features, rows.Segments, separator);

        Assert.Equal(new VisualGrid(12, 0), tokens.Segments[1].Grid);
        Assert.Equal(16 + 12, tokens.Count);
        SequenceLayout layout = SequenceLayout.Create([.. tokens.Segments.Select(segment => Aperture.Sequences.Span.Of(segment, 0))]);
        Assert.Equal((16, 12), (layout.Rows(SpanKind.Image).Length, layout.Rows(SpanKind.ImageSeparator).Length));
    }

    private static LlavaConfig Parse(string text)
    {
        using JsonDocument json = JsonDocument.Parse(text);
        return LlavaConfig.Parse(json.RootElement, "config.json");
    }
}
