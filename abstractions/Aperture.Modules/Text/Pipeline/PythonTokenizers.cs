using Aperture.Models;

namespace Aperture.Text;

/// <summary>The Python tokenizer classes of transformers that read <c>vocab.txt</c> or <c>vocab.json</c> with <c>merges.txt</c>.</summary>
internal static class PythonTokenizers
{
    private const string EndOfText = "<|endoftext|>";

    private static readonly Dictionary<string, string> _bertRoles = new()
    {
        ["unk_token"] = "[UNK]",
        ["sep_token"] = "[SEP]",
        ["pad_token"] = "[PAD]",
        ["cls_token"] = "[CLS]",
        ["mask_token"] = "[MASK]",
    };

    private static readonly Dictionary<string, string> _robertaRoles = new()
    {
        ["bos_token"] = "<s>",
        ["eos_token"] = "</s>",
        ["sep_token"] = "</s>",
        ["cls_token"] = "<s>",
        ["unk_token"] = "<unk>",
        ["pad_token"] = "<pad>",
        ["mask_token"] = "<mask>",
    };

    private static readonly Dictionary<string, string> _gpt2Roles = new() { ["bos_token"] = EndOfText, ["eos_token"] = EndOfText, ["unk_token"] = EndOfText };

    private static readonly Dictionary<string, string> _qwen2Roles = new() { ["eos_token"] = EndOfText, ["unk_token"] = EndOfText, ["pad_token"] = EndOfText };

    private static readonly Dictionary<string, string> _clipRoles = new()
    {
        ["bos_token"] = "<|startoftext|>",
        ["eos_token"] = EndOfText,
        ["unk_token"] = EndOfText,
        ["pad_token"] = EndOfText,
    };

    public static PipelineTokenizer Bert(string vocabulary, TokenizerConfiguration configuration, TokenizerOptions options)
    {
        TokenTable table = VocabularyFiles.ReadText(vocabulary);
        SpecialTokenSet special = SpecialTokenSet.Create(table, configuration, _bertRoles, options);
        bool lower = options.LowerCase ?? configuration.LowerCase ?? true;
        bool fast = options.Fast == true;
        WordPieceModel model = new(table, special.Unknown!, "##", 100);
        Func<List<string>, List<string>> wordPiece = TokenDecoders.WordPiece("##", cleanUp: true);
        PipelineParts parts = new PipelineParts
        {
            Model = model,
            Normalize = fast ? Normalizers.Bert(clean: true, ideographs: true, stripAccents: lower, lower) : text => BertClean(text, lower),
            PreTokenize = (pieces, _) => pieces.SelectMany(piece => PreTokenizers.BertWords(piece, joinsLate: fast)).ToList(),
            Prefix = [Id(special, table, special.Roles["cls_token"])],
            Suffix = [Id(special, table, special.Roles["sep_token"])],
            Decode = fast
                ? tokens => string.Concat(wordPiece(tokens.ConvertAll(token => token.Token)))
                : PythonDecoding.Grouped(PythonDecoding.WordPiece, blanks: true, special, table.End),
        };
        return new(parts, special);
    }

    public static PipelineTokenizer Clip(
        TokenTable table, List<(string Left, string Right)> merges, string source, TokenizerConfiguration configuration, TokenizerOptions options)
    {
        SpecialTokenSet special = SpecialTokenSet.Create(table, configuration, _clipRoles, options);
        bool fast = options.Fast == true;
        BytePairModel model = new(table, merges, new() { EndOfWordSuffix = "</w>", UnknownToken = special.Unknown, LooseMerges = !fast }, source);
        ProxyRegex blanks = new(@"\s+", source);
        PipelineParts parts = new PipelineParts
        {
            Model = model,
            Normalize = text => fast
                ? UnicodeText.Lower(Normalizers.Replace(UnicodeText.Nfc(text), blanks, " "), finalSigma: false)
                : UnicodeText.Lower(options.RepairText ? TextRepair.Apply(text) : ClipClean(text, options.SplitPunctuation), finalSigma: true),
            SplitsAdded = options.SpecialInText,
            PreTokenize = PreTokenizers.MatchesAsBytes(new(PreTokenizers.Clip, source, ignoreCase: true)),
            Prefix = [Id(special, table, special.Begin!)],
            Suffix = [Id(special, table, special.End!)],
            Decode = PythonDecoding.Grouped(PythonDecoding.ByteLevelWithEndOfWord, blanks: true, special, table.End),
        };
        return new(parts, special);
    }

    public static PipelineTokenizer Roberta(string vocabulary, string merges, TokenizerConfiguration configuration, TokenizerOptions options)
    {
        TokenTable table = VocabularyFiles.ReadJson(vocabulary);
        SpecialTokenSet special = SpecialTokenSet.Create(table, configuration, _robertaRoles, options, maskStrips: true);
        return new(
            ByteLevel(table, VocabularyFiles.ReadMerges(merges, skipHashes: false), merges, PreTokenizers.Gpt2, special, blanks: true) with
            {
                Prefix = [Id(special, table, special.Roles["cls_token"])],
                Suffix = [Id(special, table, special.Roles["sep_token"])],
            },
            special);
    }

    public static PipelineTokenizer Gpt2(string vocabulary, string merges, TokenizerConfiguration configuration, TokenizerOptions options)
    {
        TokenTable table = VocabularyFiles.ReadJson(vocabulary);
        SpecialTokenSet special = SpecialTokenSet.Create(table, configuration, _gpt2Roles, options);
        return new(ByteLevel(table, VocabularyFiles.ReadMerges(merges, skipHashes: false), merges, PreTokenizers.Gpt2, special, blanks: true), special);
    }

    public static PipelineTokenizer Qwen2(string vocabulary, string merges, TokenizerConfiguration configuration, TokenizerOptions options)
    {
        TokenTable table = VocabularyFiles.ReadJson(vocabulary);
        SpecialTokenSet special = SpecialTokenSet.Create(table, configuration, _qwen2Roles, options);
        PipelineParts parts = ByteLevel(table, VocabularyFiles.ReadMerges(merges, options.SkipHashMerges), merges, PreTokenizers.Qwen2, special, blanks: false);
        return new(parts with { Prepare = UnicodeText.Nfc }, special);
    }

    private static PipelineParts ByteLevel(
        TokenTable table, List<(string Left, string Right)> merges, string source, string words, SpecialTokenSet special, bool blanks)
        => new()
        {
            Model = new BytePairModel(table, merges, new(), source),
            PreTokenize = PreTokenizers.ByteLevel(addPrefixSpace: false, new(words, source)),
            Decode = PythonDecoding.Grouped(PythonDecoding.ByteLevel, blanks, special, table.End),
        };

    private static string BertClean(string text, bool lower)
    {
        text = UnicodeText.Nfc(CharacterClass.Clean(text, ideographs: true, dropUnassigned: true));
        return lower ? UnicodeText.WithoutMarks(UnicodeText.Nfd(UnicodeText.Lower(text, finalSigma: true))) : text;
    }

    private static string ClipClean(string text, bool splitPunctuation)
        => splitPunctuation
            ? string.Join(' ', PreTokenizers.BertWords(BertClean(text, lower: true), joinsLate: false))
            : UnicodeText.Nfc(CharacterClass.Clean(text, ideographs: true, dropUnassigned: true));

    private static int Id(SpecialTokenSet special, TokenTable table, string token)
        => special.Tokens.FirstOrDefault(added => added.Content == token)?.Id ?? table.IdOf(token)
            ?? throw new ApertureException(
                $"The vocabulary has no token '{token}', which its class puts at an end of every text; the files belong to another class.");
}
