using Aperture.Images;
using Aperture.Measuring;
using Aperture.Sequences;
using Aperture.Vision;

namespace Aperture.Engine.Tests.Measuring;

/// <summary>The token map of a picture that is cut: an overview of the whole, then two by two tiles of two by two places each.</summary>
public sealed class TokenMapTests
{
    private const int Side = 220, Gap = 14; // of a panel of the drawing, and between two

    private static readonly Image _white = Image.Filled(40, 40, 255, 255, 255);

    [Fact]
    public void Tiles_lie_where_their_segments_lie()
    {
        SequenceLayout prompt = Prompt();

        TokenMap map = TokenMap.From(_white, 0, prompt, [prompt])!;

        Assert.Equal([0, 4, 8, 12, 16], map.Tiles.Select(tile => tile.First));
        Assert.Equal(
            [new PictureArea(0, 0, 40, 40), new(0, 0, 20, 20), new(20, 0, 20, 20), new(0, 20, 20, 20), new(20, 20, 20, 20)],
            map.Tiles.Select(tile => tile.Area));
        Assert.Equal(20, map.Places);
        Assert.Equal([20, 20], map.Kept.Select(kept => kept.Count));
        Assert.Null(TokenMap.From(_white, 1, prompt, [prompt]));
    }

    [Fact]
    public void A_dropped_row_is_missing_from_its_own_tile()
    {
        SequenceLayout prompt = Prompt();
        // Rows 0 and 1 are text, 2 to 5 the overview, 6 to 9 the upper left tile, 10 to 13 the upper right.
        SequenceLayout left = prompt.Keep([.. Enumerable.Range(0, prompt.Count).Except([2, 10, 11, 12, 13])]);

        TokenMap map = TokenMap.From(_white, 0, prompt, [prompt, left])!;

        Assert.Equal([20, 20, 15], map.Kept.Select(kept => kept.Count));
        Assert.Equal([0, 8, 9, 10, 11], Enumerable.Range(0, 20).Except(map.Kept[2]));
    }

    [Fact]
    public void The_drawing_shows_overview_and_tiles_on_sheets_of_their_own_and_darkens_what_went()
    {
        SequenceLayout prompt = Prompt();
        SequenceLayout left = prompt.Keep([.. Enumerable.Range(0, prompt.Count).Except([2, 10, 11, 12, 13])]);

        Image drawn = TokenMap.From(_white, 0, prompt, [left])!.Draw();

        // Panels: overview and tiles as they entered, then overview and tiles after the layer.
        Assert.Equal((4 * (Side + Gap)) + Gap, drawn.Width);
        bool[][] dark = [.. Enumerable.Range(0, 4).Select(panel => Quarters.Select(at => IsDark(drawn, panel, at.X, at.Y)).ToArray())];
        Assert.Equal([false, false, false, false], dark[0]);
        Assert.Equal([false, false, false, false], dark[1]);
        Assert.Equal([true, false, false, false], dark[2]); // the overview lost its first place
        Assert.Equal([false, true, false, false], dark[3]); // the upper right tile lost all
    }

    [Fact]
    public void The_animation_has_a_frame_for_every_change_with_all_sheets_side_by_side()
    {
        SequenceLayout prompt = Prompt();
        SequenceLayout left = prompt.Keep([.. Enumerable.Range(0, prompt.Count).Except([2, 10, 11, 12, 13])]);
        string folder = Directory.CreateTempSubdirectory("token-map-").FullName;
        try
        {
            string path = TokenMap.From(_white, 0, prompt, [prompt, prompt, left, left])!.SaveGif(Path.Combine(folder, "map.gif"));

            using SixLabors.ImageSharp.Image animation = SixLabors.ImageSharp.Image.Load(path);
            using SixLabors.ImageSharp.Image last = animation.Frames.CloneFrame(animation.Frames.Count - 1);
            Image drawn = Image.FromImageSharp(last), first = Image.FromImageSharp(animation);
            Assert.Equal(2, animation.Frames.Count);
            Assert.Equal((2 * (Side + Gap)) + Gap, drawn.Width);
            Assert.Equal([false, false, false, false], Quarters.Select(at => IsDark(first, 1, at.X, at.Y)));
            Assert.Equal([true, false, false, false], Quarters.Select(at => IsDark(drawn, 0, at.X, at.Y)));
            Assert.Equal([false, true, false, false], Quarters.Select(at => IsDark(drawn, 1, at.X, at.Y)));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Merged_tokens_count_for_every_place_they_stand_for()
    {
        VisualSegment merged = new(1) { Grid = new VisualGrid(2, 2), Places = [0], Sources = [[0, 1, 3]], Tile = 1, Area = new PictureArea(0, 0, 20, 40) };
        VisualSegment whole = new(4) { Grid = new VisualGrid(2, 2), Tile = 2, Area = new PictureArea(20, 0, 20, 40) };
        SequenceLayout prompt = SequenceLayout.Create([Span.Of(merged, 0), Span.Of(whole, 0)]);

        TokenMap map = TokenMap.From(_white, 0, prompt, [])!;

        Assert.Equal([0, 1, 3, 4, 5, 6, 7], map.Kept[0].Order());
    }

    // A little inside the middle of each quarter of a panel: upper left, upper right, lower left, lower right.
    private static (double X, double Y)[] Quarters => [(0.2, 0.2), (0.8, 0.2), (0.2, 0.8), (0.8, 0.8)];

    private static SequenceLayout Prompt()
    {
        VisualGrid grid = new(2, 2);
        VisualSegment[] segments =
        [
            new VisualSegment(4) { Grid = grid, Tile = 0, Area = new PictureArea(0, 0, 40, 40) },
            .. Enumerable.Range(0, 4).Select(tile => new VisualSegment(4)
            {
                Grid = grid,
                Tile = tile + 1,
                Area = new PictureArea(tile % 2 * 20, tile / 2 * 20, 20, 20),
            }),
        ];
        return SequenceLayout.Create([new Span(SpanKind.System, 2), .. segments.Select(segment => Span.Of(segment, 0)), new Span(SpanKind.Text, 3)]);
    }

    private static bool IsDark(Image drawn, int panel, double x, double y)
    {
        int column = Gap + (panel * (Side + Gap)) + (int)(x * Side), row = Gap + (int)(y * Side);
        return drawn.Pixels[((row * drawn.Width) + column) * 3] < 128;
    }
}
