namespace Aperture.Text;

/// <summary>What <see cref="Tokenizers.FromFolder"/> takes instead of what the folder's own configuration says. Null leaves the folder's value.</summary>
public sealed record TokenizerOptions
{
    /// <summary>
    /// Class name as in <c>tokenizer_config.json</c>: LlamaTokenizer, BertTokenizer, CLIPTokenizer, RobertaTokenizer, GPT2Tokenizer, CodeGenTokenizer,
    /// Qwen2Tokenizer.
    /// </summary>
    public string? Class { get; init; }

    /// <summary>
    /// True: the behaviour of the Rust tokenizers (<c>tokenizer.json</c>, or what it would be converted to). False: that of the Python classes.
    /// Null: <c>tokenizer.json</c> where the folder has one, else the Python class. They differ in few texts.
    /// </summary>
    public bool? Fast { get; init; }

    /// <summary>
    /// LLaMA only. True: every segment between special tokens gets a blank in front; false: only the start of the text. Absent everywhere means true.
    /// </summary>
    public bool? Legacy { get; init; }

    /// <summary>LLaMA only: whether the begin token is put in front. Absent everywhere means true.</summary>
    public bool? AddBegin { get; init; }

    /// <summary>LLaMA only: whether the end token is put behind. Absent everywhere means false.</summary>
    public bool? AddEnd { get; init; }

    /// <summary>BERT only: whether text is lower-cased. Absent everywhere means true.</summary>
    public bool? LowerCase { get; init; }

    /// <summary>
    /// CLIP's Python class only: whether quotes, ligatures, widths, HTML entities and control characters are repaired first, as the ftfy package does
    /// (all of its default steps but the repair of wrongly decoded text). The official code does so where that package is installed.
    /// </summary>
    public bool RepairText { get; init; } = true;

    /// <summary>
    /// CLIP's Python class without <see cref="RepairText"/> only: whether accents are dropped and punctuation is split off, as transformers up to 4.27 does.
    /// </summary>
    public bool SplitPunctuation { get; init; }

    /// <summary>
    /// CLIP only: whether special tokens that are written out in a text become their ids. Python's class does so for tokens that it was told of.
    /// </summary>
    public bool SpecialInText { get; init; } = true;

    /// <summary>
    /// Qwen2's Python class only: whether lines of <c>merges.txt</c> that begin with <c>#</c> are skipped as transformers 4.37 does, so that <c>##</c> is never
    /// merged.
    /// </summary>
    public bool SkipHashMerges { get; init; }

    /// <summary>Tokens to add beside those that the folder names.</summary>
    public IReadOnlyList<AddedToken> AddedTokens { get; init; } = [];
}
