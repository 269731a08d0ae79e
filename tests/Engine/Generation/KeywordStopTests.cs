using Aperture.Generation;
using Aperture.Pipelines;
using Aperture.Text;

namespace Aperture.Engine.Tests.Generation;

public sealed class KeywordStopTests
{
    private static readonly KeywordStop _stop = new(["###", "</s>"], new CharacterTokenizer());

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
    public void An_empty_keyword_is_refused()
        => Assert.Contains(
            "empty", Assert.Throws<ApertureException>(() => new KeywordStop(["a", ""], new CharacterTokenizer())).Message, StringComparison.Ordinal);

    // One character a token, in front of them a begin token.
    private sealed class CharacterTokenizer : ITokenizer
    {
        public int VocabularySize => 256;

        public int? BeginId => 1;

        public int? EndId => null;

        public int? PadId => null;

        public int? UnknownId => null;

        public int[] Encode(string text, bool addSpecialTokens = true) => [.. addSpecialTokens ? [1] : Array.Empty<int>(), .. text.Select(c => (int)c)];

        public string Decode(IReadOnlyList<int> ids, bool skipSpecialTokens = true) => new([.. ids.Select(id => (char)id)]);

        public string? TokenOf(int id) => null;

        public int? IdOf(string token) => null;

        public bool IsSpecial(int id) => id == 1;
    }
}
