using Aperture.Data;
using Aperture.Requests;
using Aperture.Text;
using Aperture.Workshop;
using Xunit;

namespace Aperture.Host.Tests.Workshop;

public sealed class ShelfTokenizerTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("aperture-tokenizer").FullName;
    private readonly ShelfTokenizer _tokenizer = new();

    public ShelfTokenizerTests() => _tokenizer.Write(Path.Combine(_folder, "tokenizer.json"));

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void The_written_file_encodes_every_question_as_training_does()
    {
        ITokenizer written = Tokenizers.FromFolder(_folder);
        for (int i = 0; i < 600; i++)
        {
            SeededRandom random = new(2, i);
            ShelfScene scene = ShelfScene.Draw(random);
            if (ShelfInterviewer.Ask(scene, ShelfSet.Items.Types[i % 12], random) is { } asked)
            {
                string text = $"\n{asked.Question} ASSISTANT: {asked.Answer}";
                int[] ids = _tokenizer.Encode(text);
                Assert.Equal(ids, written.Encode(text, addSpecialTokens: false));
                Assert.Equal(text.ToLowerInvariant(), written.Decode(ids));
            }
        }
    }

    [Fact]
    public void A_sets_own_words_come_behind_all_others_and_break_none()
    {
        ShelfTokenizer more = new(ShelfSet.Numbers.Words);
        string folder = Directory.CreateDirectory(Path.Combine(_folder, "numbers")).FullName;
        more.Write(Path.Combine(folder, "tokenizer.json"));
        ITokenizer written = Tokenizers.FromFolder(folder);

        string system = PromptTemplates.Get("vicuna_v1").SystemMessage;
        Assert.Equal(more.Encode(system), written.Encode(system, addSpecialTokens: false));
        Assert.True(more.Encode(system).Length < 40, "its words are tokens");
        Assert.All(ShelfSet.Numbers.Words, word => Assert.Equal([more.Word(word)], written.Encode(" " + word, addSpecialTokens: false)));
        Assert.True(more.Word("number") >= _tokenizer.Count);
        for (int i = 0; i < 600; i++)
        {
            SeededRandom random = new(2, i);
            ShelfSet set = ShelfSet.All[i % 2];
            if (ShelfInterviewer.Ask(set.Draw(random), set.Types[i / 2 % set.Types.Count], random) is { } asked)
            {
                string text = $"\n{asked.Question} ASSISTANT: {asked.Answer}";
                int[] ids = more.Encode(text);
                Assert.Equal(ids, written.Encode(text, addSpecialTokens: false));
                Assert.Equal(text.ToLowerInvariant(), written.Decode(ids));
                Assert.True(set.HasNumbers || ids.SequenceEqual(_tokenizer.Encode(text)), text);
            }
        }
    }

    [Fact]
    public void A_prompt_with_an_image_is_begin_head_image_question()
    {
        ITokenizer written = Tokenizers.FromFolder(_folder);

        int[] ids = written.Encode("USER: <image>\nWhat is in the top left? ASSISTANT:");

        Assert.Equal(
            [_tokenizer.BeginToken, .. _tokenizer.Encode("USER: "), _tokenizer.ImageToken, .. _tokenizer.Encode("\nWhat is in the top left? ASSISTANT:")], ids);
    }

    [Fact]
    public void Every_word_of_the_vocabulary_is_one_token()
    {
        foreach (string word in ShelfWords.Kinds.Concat(ShelfWords.Colors).Concat(ShelfWords.Rows).Concat(ShelfWords.Columns).Concat(ShelfWords.Numbers))
        {
            Assert.Single(_tokenizer.Encode(" " + word));
        }
    }

    [Fact]
    public void Text_outside_the_vocabulary_survives_encoding_and_decoding()
    {
        ITokenizer written = Tokenizers.FromFolder(_folder);

        Assert.Equal("zebra ünïcode 42!", written.Decode(written.Encode("zebra ünïcode 42!", addSpecialTokens: false)));
        Assert.Equal(_tokenizer.Count, written.VocabularySize);
        Assert.Equal(_tokenizer.EndToken, written.EndId);
    }
}
