using Aperture.Generation;
using Aperture.Images;
using Aperture.Pipelines;
using Aperture.Requests;
using Aperture.Sequences;
using Aperture.Vision;
using static TorchSharp.torch;

namespace Aperture.Engine.Tests.Pipelines;

/// <summary>A picture whose tokens are an overview and two by two tiles: budgets, counts and maps follow its segments.</summary>
[Collection(WholeProcess.Name)]
public sealed class SegmentsTests(SmallLlava small) : IClassFixture<SmallLlava>
{
    private static readonly GenerationOptions _short = new() { MaxNewTokens = 2 };

    [Theory]
    [InlineData("random", 10)]
    [InlineData("random", 3)]
    [InlineData("pooling", 20)]
    [InlineData("pooling", 10)]
    [InlineData("pooling", 5)]
    [InlineData("pooling", 3)]
    public async Task A_budget_is_the_whole_pictures(string method, int tokens)
    {
        await using EngineSession session = small.Open();

        Answer answer = await Cut(session).With(method, new { Tokens = tokens }).Ask(Image.Load(small.Picture), "abc?", _short);

        Assert.Equal(tokens, answer.VisualTokens);
        Assert.Equal([tokens, tokens, tokens, tokens], answer.VisualTokensByLayer);
    }

    [Fact]
    public async Task Pooling_gives_each_segment_its_share_and_covers_it()
    {
        await using EngineSession session = small.Open();

        Answer answer = await Cut(session).With("pooling", new { Tokens = 10 }).Ask(Image.Load(small.Picture), "abc?", _short);

        Assert.Equal(5, answer.TokenMap!.Tiles.Count);
        Assert.Equal(Enumerable.Range(0, 20), answer.TokenMap.Kept[0].Order()); // merged tokens stand for all of their places
    }

    [Fact]
    public async Task Dropping_in_a_layer_counts_by_tile()
    {
        await using EngineSession session = small.Open();

        Answer answer = await Cut(session).With("fitprune", new { Recipe = new[] { 8, 0, 7, 0 } }).Ask(Image.Load(small.Picture), "abc?", _short);

        Assert.Equal([12, 12, 5, 5], answer.VisualTokensByLayer);
        Assert.Equal([20, 12, 12, 5, 5], answer.TokenMap!.Kept.Select(kept => kept.Count));
        Assert.Equal([0, 4, 8, 12, 16], answer.TokenMap.Tiles.Select(tile => tile.First));
    }

    // The small model's sixteen tokens, four of them twice, as if they were an overview and four tiles.
    private Pipeline Cut(EngineSession session) => session.Load(small.Folder).With("cut", (VisualTokens tokens) =>
    {
        using (tokens)
        using (Tensor again = tokens.Rows.narrow(0, 0, 4)) // [16, d] -> [4, d]
        {
            VisualGrid grid = new(2, 2);
            VisualSegment[] segments =
            [
                new VisualSegment(4) { Grid = grid, Area = new PictureArea(0, 0, 40, 30) },
                .. Enumerable.Range(0, 4).Select(tile => new VisualSegment(4)
                {
                    Grid = grid,
                    Tile = tile + 1,
                    Area = new PictureArea(tile % 2 * 20, tile / 2 * 15, 20, 15),
                }),
            ];
            return new VisualTokens(cat([again, tokens.Rows], 0), segments); // [4, d], [16, d] -> [20, d]
        }
    });
}
