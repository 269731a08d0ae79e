using Aperture.Generation;

namespace Aperture.Host.Tests.Generation;

public sealed class KeywordStopTests
{
    // One character a token: 'a' is 97.
    private static readonly KeywordStop _stop = new(["###", "</s>"], text => [.. text.Select(c => (int)c)], ids => new string([.. ids.Select(id => (char)id)]));

    [Theory]
    [InlineData("yes###", true)]
    [InlineData("###", true)]
    [InlineData("yes##", false)]
    [InlineData("###b", true)]
    [InlineData("###bc", false)]
    [InlineData("</s>", true)]
    [InlineData("y", false)]
    public void Ends_at_the_keywords_ids_or_text(string text, bool ends) => Assert.Equal(ends, _stop.IsMet([.. text.Select(c => (int)c)]));

    [Fact]
    public void Text_that_other_ids_spell_ends_too()
    {
        KeywordStop stop = new(["ab"], _ => [1, 2], ids => string.Concat(ids.Select(id => id == 3 ? "ab" : "-")));

        Assert.True(stop.IsMet([5, 3]));
        Assert.True(stop.IsMet([1, 2]));
        Assert.False(stop.IsMet([2, 1]));
    }
}
