using Aperture.Engine.Tests.Decoding;
using Aperture.Generation;
using Aperture.Images;
using Aperture.Pipelines;
using Aperture.Requests;
using Aperture.Sequences;

namespace Aperture.Engine.Tests.Pipelines;

/// <summary>Looking at a smaller picture, on a model that looks at it once.</summary>
[Collection(WholeProcess.Name)]
public sealed class DownsampleTests(SmallLlava small) : IClassFixture<SmallLlava>
{
    private static readonly GenerationOptions _short = new() { MaxNewTokens = 3 };

    [Theory]
    [InlineData(16, 4)]
    [InlineData(15, 3)]
    [InlineData(9, 3)]
    [InlineData(8, 2)]
    [InlineData(3, 1)]
    public async Task The_largest_square_of_patches_within_the_budget_is_seen(int tokens, int side)
    {
        await using EngineSession session = small.Open();
        Pipeline plain = session.Load(small.Folder);
        Image picture = Image.Load(small.Picture);

        Answer full = await plain.Ask(picture, "abc?", _short), answer = await plain.With("downsample", new { Tokens = tokens }).Ask(picture, "abc?", _short);

        Assert.Equal(side * side, answer.VisualTokens);
        Assert.Equal(new VisualGrid(side, side), answer.TokenMap!.Grid);
        Assert.Equal(full.TokenMap!.Tiles[0].Area, answer.TokenMap.Tiles[0].Area);
        Assert.Equal(side == 4, full.Flops.Vision == answer.Flops.Vision);
        Assert.True(answer.Flops.Vision <= full.Flops.Vision);
        if (side == 4)
        {
            Assert.Equal(full.Tokens, answer.Tokens);
        }
    }

    [Fact]
    public async Task What_it_saw_serves_pipelines_that_look_as_closely_and_no_other()
    {
        await using EngineSession session = small.Open();
        Pipeline plain = session.Load(small.Folder), smaller = plain.With("downsample", new { Tokens = 9 });
        using Seen seen = await smaller.See([Image.Load(small.Picture)]);

        Answer answer = await smaller.Ask(seen, "abc?", _short);
        string told = (await Assert.ThrowsAsync<ApertureException>(() => plain.Ask(seen, "abc?", _short))).Message;

        Assert.Equal(9, answer.VisualTokens);
        Assert.Equal(5, (await smaller.With("random", new { Tokens = 5 }).Ask(seen, "abc?", _short)).VisualTokens);
        Assert.Contains("with other methods before or inside the vision encoder", told, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Several_shrink_one_after_the_other_and_none_may_ask_for_nothing()
    {
        await using EngineSession session = small.Open();
        Pipeline plain = session.Load(small.Folder);
        Image picture = Image.Load(small.Picture);

        Answer answer = await plain.With("downsample", new { Tokens = 9 }).With("downsample", new { Keep = 0.5 }).Ask(picture, "abc?", _short);

        Assert.Equal(4, answer.VisualTokens); // half of nine is five at most, which two by two keep to
        using ProbeReducer nothing = new("nothing", sites => sites.BeforeEncoder((_, _) => 0));
        string told = (await Assert.ThrowsAsync<ApertureException>(() => plain.With(nothing).Ask(picture, "abc?", _short))).Message;
        Assert.Equal("nothing, before the encoder: asked for 0 rows of a picture that has 16; give 1 or more.", told);
    }
}
