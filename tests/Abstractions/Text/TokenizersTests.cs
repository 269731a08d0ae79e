namespace Aperture.Text.Tests;

public sealed class TokenizersTests
{
    private const string Gpt2Vocabulary = """{"h":0,"i":1,"\u0120":2,"hi":3,"\u0120hi":4,"<|endoftext|>":5}""";
    private const string Gpt2Merges = "#version: 0.2\nh i\n\u0120 hi\n";

    private static readonly (string Piece, int Type)[] _llama =
        [("<unk>", 2), ("<s>", 3), ("</s>", 3), ("\u2581hi", 1), ("hi", 1), ("\u2581h", 1), ("\u2581", 1), ("h", 1), ("i", 1), ("!", 1)];

    [Fact]
    public void Folder_without_tokenizer_files_is_refused_in_one_line()
    {
        using TokenizerFolder folder = new();

        ApertureException error = Assert.Throws<ApertureException>(() => Tokenizers.FromFolder(folder.Path));

        Assert.Contains(folder.Path, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Theory]
    [InlineData(true, new[] { 1, 3, 2, 3 })]
    [InlineData(false, new[] { 1, 3, 2, 4 })]
    public void Legacy_flag_of_the_folder_decides_the_blank_after_special_tokens(bool legacy, int[] ids)
    {
        using TokenizerFolder folder = new TokenizerFolder(
            ("tokenizer_config.json", $$"""{"tokenizer_class":"LlamaTokenizer","legacy":{{(legacy ? "true" : "false")}}}""")).WithModel(false, _llama);

        Assert.Equal(ids, Tokenizers.FromFolder(folder.Path).Encode("hi</s>hi"));
    }

    [Fact]
    public void Options_outrank_the_folder()
    {
        using TokenizerFolder folder = new TokenizerFolder(("tokenizer_config.json", """{"legacy":true,"add_bos_token":true}""")).WithModel(false, _llama);
        ITokenizer tokenizer = Tokenizers.FromFolder(folder.Path, new() { Legacy = false, AddBegin = false, AddEnd = true });

        Assert.Equal([3, 2, 4, 2], tokenizer.Encode("hi</s>hi"));
    }

    [Fact]
    public void Empty_text_gives_the_begin_token_alone()
    {
        using TokenizerFolder folder = new TokenizerFolder().WithModel(false, _llama);
        ITokenizer tokenizer = Tokenizers.FromFolder(folder.Path);

        Assert.Equal([1], tokenizer.Encode(""));
        Assert.Empty(tokenizer.Encode("", addSpecialTokens: false));
    }

    [Fact]
    public void Added_tokens_are_found_in_the_text_and_count_for_the_size()
    {
        using TokenizerFolder folder = new TokenizerFolder(("added_tokens.json", """{"<image>":20}""")).WithModel(false, _llama);
        ITokenizer tokenizer = Tokenizers.FromFolder(folder.Path);

        Assert.Equal([1, 3, 20, 3], tokenizer.Encode("hi<image>hi"));
        Assert.Equal(21, tokenizer.VocabularySize);
        Assert.Equal("<image>", tokenizer.TokenOf(20));
        Assert.Null(tokenizer.TokenOf(15));
    }

    [Fact]
    public void Byte_level_vocabulary_encodes_and_decodes()
    {
        using TokenizerFolder folder = new(("vocab.json", Gpt2Vocabulary), ("merges.txt", Gpt2Merges));
        ITokenizer tokenizer = Tokenizers.FromFolder(folder.Path);

        Assert.Equal([3, 4, 2, 4, 5], tokenizer.Encode("hi hi  hi<|endoftext|>"));
        Assert.Equal("hi hi  hi", tokenizer.Decode([3, 4, 2, 4, 5]));
        Assert.Equal("hi<|endoftext|>", tokenizer.Decode([3, 5], skipSpecialTokens: false));
        Assert.Equal(5, tokenizer.EndId);
    }

    [Fact]
    public void Tokenizer_json_reads_merges_as_text_and_as_pairs()
    {
        const string Head
            = """{"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false},"decoder":{"type":"ByteLevel"},"model":{"type":"BPE","vocab":{"h":0,"i":1,"hi":2},"merges":""";
        using TokenizerFolder text = new(("tokenizer.json", Head + """["h i"]}}"""));
        using TokenizerFolder pairs = new(("tokenizer.json", Head + """[["h","i"]]}}"""));

        Assert.Equal([2, 0], Tokenizers.FromFolder(text.Path).Encode("hih"));
        Assert.Equal([2, 0], Tokenizers.FromFolder(pairs.Path).Encode("hih"));
    }

    [Fact]
    public void Astral_letters_split_as_letters_and_digits_as_digits()
    {
        // U+1D400 is a letter, U+1D7CE a digit: two words although both are surrogate pairs.
        List<(int Start, int Length)> words = new ProxyRegex(PreTokenizers.Gpt2, "test").Matches("\U0001D400\U0001D400\U0001D7CE x");

        Assert.Equal([(0, 4), (4, 2), (6, 2)], words);
    }

    [Fact]
    public void Unknown_id_is_refused_in_one_line()
    {
        using TokenizerFolder folder = new(("vocab.json", Gpt2Vocabulary), ("merges.txt", Gpt2Merges));
        ApertureException error = Assert.Throws<ApertureException>(() => Tokenizers.FromFolder(folder.Path).Decode([3, 77]));

        Assert.Contains("77", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("tokenizer.json", "{")]
    [InlineData("tokenizer.json", "[]")]
    [InlineData("tokenizer.json", """{"model":{"type":"BPE","vocab":{"a":-1},"merges":[]}}""")]
    [InlineData("tokenizer.json", """{"model":{"type":"BPE","vocab":{"a":2000000000},"merges":[]}}""")]
    [InlineData("tokenizer.json", """{"model":{"type":"BPE","vocab":{"a":0},"merges":["a b"]}}""")]
    [InlineData("tokenizer.json", """{"model":{"type":"BPE","vocab":{"a":0},"merges":["ab"]}}""")]
    [InlineData("tokenizer.json", """{"model":{"type":"BPE","vocab":{"a":0},"merges":[7]}}""")]
    [InlineData("tokenizer.json", """{"model":{"type":"Magic","vocab":{"a":0}}}""")]
    [InlineData("tokenizer.json", """{"normalizer":{"type":"Magic"},"model":{"type":"BPE","vocab":{"a":0},"merges":[]}}""")]
    [InlineData(
        "tokenizer.json",
        """{"pre_tokenizer":{"type":"Split","pattern":{"Regex":"("},"behavior":"Isolated"},"model":{"type":"BPE","vocab":{"a":0},"merges":[]}}""")]
    [InlineData("tokenizer.json", """{"added_tokens":[{"id":-5,"content":"x"}],"model":{"type":"BPE","vocab":{"a":0},"merges":[]}}""")]
    [InlineData(
        "tokenizer.json", """{"normalizer":{"type":"Precompiled","precompiled_charsmap":"/////w=="},"model":{"type":"BPE","vocab":{"a":0},"merges":[]}}""")]
    [InlineData("tokenizer.model", "not a model")]
    [InlineData("tokenizer.model", "")]
    [InlineData("tokenizer_config.json", """{"added_tokens_decoder":{"x":{"content":"y"}}}""")]
    [InlineData("tokenizer_config.json", "null")]
    [InlineData("tokenizer_config.json", """{"add_bos_token": "false"}""")]
    [InlineData("special_tokens_map.json", "[1]")]
    [InlineData("bpe_simple_vocab_16e6.txt.gz", "no gzip")]
    [InlineData("vocab.json", "{}")]
    public void Damaged_files_are_refused_in_one_line(string name, string content)
    {
        using TokenizerFolder folder = new((name, content));

        ApertureException error = Assert.Throws<ApertureException>(() => Tokenizers.FromFolder(folder.Path));

        Assert.DoesNotContain('\n', error.Message);
    }

    [Theory]
    [InlineData("\"LlamaTokenizerFast\"", "false", "false", "template", new[] { 3 })]
    [InlineData("\"LlamaTokenizerFast\"", "true", "true", "template", new[] { 1, 3, 2 })]
    [InlineData("\"LlamaTokenizerFast\"", "true", "false", "null", new[] { 1, 3 })]
    [InlineData("\"LlamaTokenizer\"", "null", "null", "null", new[] { 1, 3 })]
    [InlineData("\"CodeLlamaTokenizerFast\"", "null", "true", "template", new[] { 1, 3, 2 })]
    [InlineData("\"PreTrainedTokenizerFast\"", "false", "true", "template", new[] { 1, 3 })]
    [InlineData("\"PreTrainedTokenizerFast\"", "true", "true", "null", new[] { 3 })]
    [InlineData("null", "false", "null", "template", new[] { 3 })]
    [InlineData("null", "null", "null", "template", new[] { 1, 3 })]
    public void The_flags_of_a_llama_class_outrank_the_post_processor_of_the_file(string className, string begin, string end, string processor, int[] ids)
    {
        string post = processor == "null" ? "null" : """
            {"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],
             "special_tokens":{"<s>":{"id":"<s>","ids":[1],"tokens":["<s>"]}}}
            """;
        using TokenizerFolder folder = new(
            ("tokenizer.json", $$$"""
                {"added_tokens":[{"id":0,"content":"<unk>","special":true},{"id":1,"content":"<s>","special":true},{"id":2,"content":"</s>","special":true}],
                 "post_processor":{{{post}}},"model":{"type":"BPE","vocab":{"<unk>":0,"<s>":1,"</s>":2,"h":3},"merges":[]}}
                """),
            ("tokenizer_config.json", $$"""
                {"tokenizer_class":{{className}},"add_bos_token":{{begin}},"add_eos_token":{{end}},"bos_token":"<s>","eos_token":"</s>","unk_token":"<unk>"}
                """));

        Assert.Equal(ids, Tokenizers.FromFolder(folder.Path).Encode("h"));
        Assert.Equal([3], Tokenizers.FromFolder(folder.Path).Encode("h", addSpecialTokens: false));
    }

    [Fact]
    public void A_begin_token_that_no_vocabulary_has_is_refused()
    {
        using TokenizerFolder folder = new(
            ("tokenizer.json", """{"model":{"type":"BPE","vocab":{"h":0},"merges":[]}}"""),
            ("tokenizer_config.json", """{"tokenizer_class":"LlamaTokenizerFast","add_bos_token":true}"""));

        Assert.Contains(
            "add_bos_token asks for '<s>'", Assert.Throws<ApertureException>(() => Tokenizers.FromFolder(folder.Path)).Message, StringComparison.Ordinal);
    }
}
