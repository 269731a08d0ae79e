namespace Aperture.Plugins.FitPrune.Tests;

public sealed class StretchedRecipeTests
{
    private static readonly Recipe _published = OfficialRecipes.All().First(r => OfficialRecipes.NameOf(r) == "llava-v1.5-7b/60");

    [Theory]
    [InlineData(1)]
    [InlineData(8)]
    [InlineData(22)]
    [InlineData(64)]
    public void Stretching_keeps_the_sum_and_deletes_nothing_negative(int layers)
    {
        Recipe stretched = _published.StretchedTo(layers).Checked();

        Assert.Equal(layers, stretched.Delete.Length);
        Assert.Equal(_published.Delete.Sum(), stretched.Delete.Sum());
        Assert.All(stretched.Delete, k => Assert.True(k >= 0));
    }

    [Fact]
    public void Stretching_to_half_the_layers_joins_neighbours()
    {
        Recipe half = _published.StretchedTo(16);

        Assert.Equal(Enumerable.Range(0, 16).Select(i => _published.Delete[2 * i] + _published.Delete[(2 * i) + 1]), half.Delete);
    }

    [Fact]
    public void The_same_depth_stays_as_it_is() => Assert.Same(_published, _published.StretchedTo(32));
}
