using Aperture.Text;

namespace Aperture.Abstractions.Tests.Text;

/// <summary>A vocabulary in CLIP's layout for a model that begins.</summary>
public sealed class ClipVocabularyTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("aperture-clip-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Each_word_is_one_token_and_others_are_made_of_pieces()
    {
        string[] words = ["red", "dress", "dresses", "reddish", "é", ",", "1", "a"];
        ClipVocabulary.Make(words).Write(_folder, 40);
        ITokenizer tokenizer = Tokenizers.FromFolder(_folder, new TokenizerOptions { Class = "CLIPTokenizer", RepairText = true, SplitPunctuation = true });

        Assert.Equal(words.Length, tokenizer.Encode("red dress dresses reddish é, 1 a", addSpecialTokens: false).Distinct().Count());
        int[] unknown = tokenizer.Encode("zebra", addSpecialTokens: false);
        Assert.True(unknown.Length > 1);
        Assert.Equal("zebra", tokenizer.Decode(unknown).Trim());
        Assert.Equal([tokenizer.VocabularySize - 2, tokenizer.VocabularySize - 1], tokenizer.Encode(""));
    }

    [Fact]
    public void The_order_of_words_does_not_matter()
        => Assert.Equal(ClipVocabulary.Make(["boot", "bag", "bag"]).Tokens, ClipVocabulary.Make(["bag", "boot"]).Tokens);
}
