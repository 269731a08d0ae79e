namespace Aperture.Plugins.LlavaHr.Tests;

public class HighResolutionTests
{
    [Theory]
    [InlineData(384, 336, 12, 24)]
    [InlineData(768, 336, 24, 24)]
    [InlineData(1024, 448, 32, 32)]
    [InlineData(1536, 672, 48, 48)]
    public void Sides_of_published_models_give_their_grids(int side, int fastSide, int slowGrid, int fastGrid)
        => Assert.Equal(new HighResolution(side, fastSide, slowGrid, fastGrid), HighResolution.Of(side, 14, 336));

    [Theory]
    [InlineData(448)]
    [InlineData(512)]
    [InlineData(576)]
    [InlineData(640)]
    [InlineData(672)]
    [InlineData(704)]
    [InlineData(736)]
    [InlineData(490)]
    public void Sides_whose_grids_do_not_divide_each_other_are_refused_with_those_that_do(int side)
    {
        ApertureException error = Assert.Throws<ApertureException>(() => HighResolution.Of(side, 14, 336));

        Assert.Contains($"pictures of {side} pixels", error.Message, StringComparison.Ordinal);
        Assert.Contains("use 32, 64, 96, 128, 192, 256, 384, 768, 800,", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("\n", error.Message, StringComparison.Ordinal);
    }
}
