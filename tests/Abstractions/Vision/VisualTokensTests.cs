using Aperture.Sequences;
using Aperture.Vision;
using static TorchSharp.torch;

namespace Aperture.Abstractions.Tests.Vision;

[Collection("tensors")]
public sealed class VisualTokensTests
{
    [Fact]
    public void Kept_tokens_keep_their_values_places_and_sources()
    {
        VisualSegment segment = new(4) { Grid = new VisualGrid(2, 2), Sources = [[0], [1], [2], [3, 1]] };

        using VisualTokens kept = new VisualTokens(arange(8).reshape(4, 2), [segment]).Keep([3, 1]); // [8] -> [4, 2]

        Assert.Equal([6L, 7L, 2L, 3L], kept.Rows.data<long>().ToArray());
        Assert.Equal([3, 1], kept.Places);
        Assert.Equal([[3, 1], [1]], kept.Segments[0].Sources!);
    }

    [Fact]
    public void Nothing_can_be_kept_of_nothing()
    {
        using VisualTokens kept = new VisualTokens(zeros(0, 2), new VisualGrid(2, 2), []).Keep([]);

        Assert.Equal([0L, 2L], kept.Rows.shape);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(4)]
    public void A_row_that_does_not_exist_is_refused_and_the_tokens_are_disposed(int row)
    {
        VisualTokens tokens = new(zeros(4, 2), new VisualGrid(2, 2), [0, 1, 2, 3]);

        ApertureException error = Assert.Throws<ApertureException>(() => tokens.Keep([0, row]));

        Assert.Equal($"Row {row} cannot be kept: the picture has 4 tokens, 0 to 3.", error.Message);
        Assert.True(tokens.Rows.IsInvalid);
    }

    [Fact]
    public void A_row_kept_twice_is_refused_and_the_tokens_are_disposed()
    {
        VisualTokens tokens = new(zeros(4, 2), new VisualGrid(2, 2), [0, 1, 2, 3]);

        ApertureException error = Assert.Throws<ApertureException>(() => tokens.Keep([3, 1, 3]));

        Assert.Equal("Row 3 is kept twice; name each row once.", error.Message);
        Assert.True(tokens.Rows.IsInvalid);
    }
}
