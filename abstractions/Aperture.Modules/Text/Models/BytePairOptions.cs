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
}
