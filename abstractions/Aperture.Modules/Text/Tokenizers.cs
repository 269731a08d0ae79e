namespace Aperture.Text;

/// <summary>Opens the tokenizer of a checkpoint folder.</summary>
public static class Tokenizers
{
    private const string OpenAiClip = "bpe_simple_vocab_16e6.txt.gz";

    /// <summary>
    /// Opens the tokenizer whose files lie in a folder: <c>tokenizer.json</c>, else <c>tokenizer.model</c>, <c>vocab.txt</c>, <c>vocab.json</c> with
    /// <c>merges.txt</c>, or OpenAI's <c>bpe_simple_vocab_16e6.txt.gz</c>; with <c>tokenizer_config.json</c>, <c>special_tokens_map.json</c> and
    /// <c>added_tokens.json</c> where they are.
    /// </summary>
    /// <param name="folder">The folder.</param>
    /// <param name="options">What to take instead of the folder's own configuration; null for none.</param>
    /// <returns>The tokenizer, free to be shared.</returns>
    /// <exception cref="ApertureException">No tokenizer file is there, or one is damaged, too large or of a kind that is not supported.</exception>
    public static ITokenizer FromFolder(string folder, TokenizerOptions? options = null)
    {
        options ??= new();
        TokenizerConfiguration configuration = TokenizerConfiguration.Read(folder);
        string name = options.Class ?? configuration.Class ?? "";
        name = name.EndsWith("Fast", StringComparison.Ordinal) ? name[..^4] : name;
        if (options.Fast != false && Find(folder, "tokenizer.json") is { } json)
        {
            return TokenizerJsonReader.Read(json, configuration, options);
        }

        if (Find(folder, "tokenizer.model") is { } model
            && name is not ("BertTokenizer" or "CLIPTokenizer" or "RobertaTokenizer" or "GPT2Tokenizer" or "CodeGenTokenizer" or "Qwen2Tokenizer"))
        {
            return new LlamaTokenizer(SentencePieceModel.Load(model), configuration, options);
        }

        if (Find(folder, "vocab.txt") is { } words)
        {
            return PythonTokenizers.Bert(words, configuration, options);
        }

        if (Find(folder, "vocab.json") is { } vocabulary)
        {
            return FromMerges(folder, vocabulary, name, configuration, options);
        }

        if (Find(folder, OpenAiClip) is { } packed)
        {
            (TokenTable? table, List<(string Left, string Right)>? merges) = VocabularyFiles.ReadOpenAi(packed);
            return PythonTokenizers.Clip(table, merges, packed, configuration, options);
        }

        throw new ApertureException(
            $"No tokenizer in {folder}: it has neither tokenizer.json, tokenizer.model, vocab.txt, vocab.json with merges.txt nor {OpenAiClip}; name the "
            + "folder of a checkpoint.");
    }

    private static ITokenizer FromMerges(string folder, string vocabulary, string name, TokenizerConfiguration configuration, TokenizerOptions options)
    {
        string merges = Find(folder, "merges.txt")
            ?? throw new ApertureException($"{folder} has a vocab.json but no merges.txt; copy that file of the checkpoint there too.");
        switch (name)
        {
            case "CLIPTokenizer":
                return PythonTokenizers.Clip(
                    VocabularyFiles.ReadJson(vocabulary), VocabularyFiles.ReadMerges(merges, skipHashes: false), merges, configuration, options);
            case "RobertaTokenizer":
                return PythonTokenizers.Roberta(vocabulary, merges, configuration, options);
            case "GPT2Tokenizer" or "CodeGenTokenizer":
                return PythonTokenizers.Gpt2(vocabulary, merges, configuration, options);
            case "Qwen2Tokenizer":
                return PythonTokenizers.Qwen2(vocabulary, merges, configuration, options);
            case "":
                TokenTable table = VocabularyFiles.ReadJson(vocabulary);
                string guess = table.IdOf("<|startoftext|>") is not null ? "CLIPTokenizer"
                    : table.IdOf("<mask>") is not null && table.IdOf("<s>") is not null ? "RobertaTokenizer"
                    : table.IdOf("<|endoftext|>") is not null ? "GPT2Tokenizer"
                    : "Qwen2Tokenizer";
                return FromMerges(folder, vocabulary, guess, configuration, options);
            default:
                throw new ApertureException(
                    $"{folder}: the tokenizer class '{name}' is not supported for vocab.json and merges.txt; use CLIPTokenizer, RobertaTokenizer, "
                    + "GPT2Tokenizer, CodeGenTokenizer or Qwen2Tokenizer, or a tokenizer.json.");
        }
    }

    private static string? Find(string folder, string name) => Path.Combine(folder, name) is var path && File.Exists(path) ? path : null;
}
