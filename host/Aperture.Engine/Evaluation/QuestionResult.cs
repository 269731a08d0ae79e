using Aperture.Data;
using Aperture.Requests;

namespace Aperture.Evaluation;

/// <summary>One answered question.</summary>
/// <param name="Item">The question.</param>
/// <param name="Given">What the pipeline answered.</param>
/// <param name="Score">How right that is, from 0 to 1.</param>
public sealed record QuestionResult(QuestionItem Item, string Given, double Score)
{
    /// <summary>Why the question was not asked and counts as wrong: its picture does not open. Null for every question that was asked.</summary>
    public string? Problem { get; init; }

    /// <summary>Visual tokens that entered the decoder.</summary>
    public int VisualTokens { get; init; }

    /// <summary>Mean over layers of the visual tokens that left them in the prefill.</summary>
    public double MeanVisualTokens { get; init; }

    /// <summary>Tokens of the answer.</summary>
    public int NewTokens { get; init; }

    /// <summary>Floating-point operations up to the first token.</summary>
    public long Flops { get; init; }

    /// <summary>Projector in milliseconds, and what methods do before and behind it.</summary>
    public double ProjectorMs { get; init; }

    /// <summary>Prefill in milliseconds, methods included.</summary>
    public double PrefillMs { get; init; }

    /// <summary>A generated token after the first in milliseconds; 0 with fewer than two tokens.</summary>
    public double DecodeMs { get; init; }

    /// <summary>Bytes of the key/value cache after the answer.</summary>
    public long CacheBytes { get; init; }

    /// <summary>What an answer comes to.</summary>
    internal static QuestionResult Of(QuestionItem item, Answer answer, AnswerScoring scoring) => new(item, answer.Text, scoring.Score(item, answer.Text))
    {
        VisualTokens = answer.VisualTokens,
        MeanVisualTokens = answer.VisualTokensByLayer.Count == 0 ? 0 : answer.VisualTokensByLayer.Average(),
        NewTokens = answer.Tokens.Count,
        Flops = answer.Flops.Total,
        ProjectorMs = answer.Times.Projector,
        PrefillMs = answer.Times.Prefill,
        DecodeMs = answer.Times.DecodePerToken,
        CacheBytes = answer.CacheBytes,
    };
}
