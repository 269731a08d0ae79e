using System.Text;

namespace Aperture.Text.Tests;

public sealed class StreamingDecoderTests
{
    [Fact]
    public void Incomplete_characters_are_held_back()
    {
        StreamingDecoder decoder = new(new ByteTokenizer());

        Assert.Equal(["a", "", "", "\u20AC", "b"], Encoding.UTF8.GetBytes("a\u20ACb").Select(b => decoder.Append(b)));
        Assert.Equal("", decoder.Flush());
    }

    [Fact]
    public void Flush_gives_out_what_stays_incomplete()
    {
        StreamingDecoder decoder = new(new ByteTokenizer());

        Assert.Equal("", decoder.Append(0xE2));
        Assert.Equal("\uFFFD", decoder.Flush());
    }

    [Fact]
    public void Text_that_never_becomes_valid_is_given_out_after_a_while()
    {
        StreamingDecoder decoder = new(new ByteTokenizer());
        string text = string.Concat(Enumerable.Repeat(0xFF, 40).Select(decoder.Append)) + decoder.Flush();

        Assert.Equal(new string('\uFFFD', 40), text);
    }

    [Fact]
    public void Blank_of_later_words_is_kept_and_that_of_the_first_dropped()
    {
        using TokenizerFolder folder = new TokenizerFolder()
            .WithModel(false, ("<unk>", 2), ("<s>", 3), ("</s>", 3), ("\u2581hi", 1), ("hi", 1), ("\u2581", 1), ("h", 1), ("i", 1));
        ITokenizer tokenizer = Tokenizers.FromFolder(folder.Path);
        StreamingDecoder decoder = new(tokenizer);

        Assert.Equal(["", "hi", " hi", "hi", ""], ((int[])[1, 3, 3, 4, 2]).Select(decoder.Append));
    }

    /// <summary>A tokenizer whose ids are bytes.</summary>
    private sealed class ByteTokenizer : ITokenizer
    {
        public int VocabularySize => 256;

        public int? BeginId => null;

        public int? EndId => null;

        public int? PadId => null;

        public int? UnknownId => null;

        public int[] Encode(string text, bool addSpecialTokens = true) => [.. Encoding.UTF8.GetBytes(text).Select(b => (int)b)];

        public string Decode(IReadOnlyList<int> ids, bool skipSpecialTokens = true) => Encoding.UTF8.GetString([.. ids.Select(id => (byte)id)]);

        public string? TokenOf(int id) => null;

        public int? IdOf(string token) => null;

        public bool IsSpecial(int id) => false;
    }
}
