namespace Aperture.Text;

/// <summary>The switches of a byte-pair model in <c>tokenizer.json</c>.</summary>
internal sealed record BytePairOptions
{
    public string? UnknownToken { get; init; }

    public string ContinuingPrefix { get; init; } = "";

    public string EndOfWordSuffix { get; init; } = "";

    public bool FuseUnknown { get; init; }

    public bool ByteFallback { get; init; }

    public bool IgnoreMerges { get; init; }

    /// <summary>
    /// Whether merges may have pieces that the vocabulary lacks, as in Python's classes, which merge texts and look them up at the end; else such a merge is
    /// damage.
    /// </summary>
    public bool LooseMerges { get; init; }
}
