using Aperture.Generation;
using Aperture.Measuring;

namespace Aperture.Requests;

/// <summary>What a pipeline answered, and what it cost.</summary>
public sealed record Answer
{
    /// <summary>The answer, without special tokens, trimmed.</summary>
    public required string Text { get; init; }

    /// <summary>The new token ids.</summary>
    public required IReadOnlyList<int> Tokens { get; init; }

    /// <summary>Why it ended.</summary>
    public required FinishReason Finish { get; init; }

    /// <summary>Wall time by stage.</summary>
    public required StageTimes Times { get; init; }

    /// <summary>
    /// Rows of the prompt that ran before the first token, text and visual tokens; of a chat's turn those that the turns before had not run, of a question
    /// behind a kept prefix those that no earlier question had.
    /// </summary>
    public required int PromptTokens { get; init; }

    /// <summary>Rows in front of these that an earlier question had run (<see cref="Pipelines.Pipeline.KeepPrefixes"/>).</summary>
    public int KeptTokens { get; init; }

    /// <summary>Visual tokens that entered the decoder.</summary>
    public required int VisualTokens { get; init; }

    /// <summary>Visual tokens that left each decoder layer of the prefill.</summary>
    public required IReadOnlyList<int> VisualTokensByLayer { get; init; }

    /// <summary>Floating-point operations of the request up to the first token.</summary>
    public required FlopCount Flops { get; init; }

    /// <summary>Bytes of the key/value cache after the answer.</summary>
    public required long CacheBytes { get; init; }

    /// <summary>
    /// Which parts of the first picture each layer still saw; null for a question without a picture, or where visual tokens have no place in it.
    /// </summary>
    public TokenMap? TokenMap => TokenMaps.Count > 0 ? TokenMaps[0] : null;

    /// <summary>Which parts of each picture each layer still saw, picture by picture; pictures whose tokens have no place in them are left out.</summary>
    public IReadOnlyList<TokenMap> TokenMaps { get; init; } = [];

    /// <summary>The text.</summary>
    public override string ToString() => Text;
}
