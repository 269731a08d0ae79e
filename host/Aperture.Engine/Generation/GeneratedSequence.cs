namespace Aperture.Generation;

/// <summary>The new tokens of one sequence.</summary>
/// <param name="Tokens">Ids, an end-of-sequence token included, without padding.</param>
/// <param name="Finish">Why it ended.</param>
public sealed record GeneratedSequence(int[] Tokens, FinishReason Finish)
{
    /// <summary>Index of the prompt it answers.</summary>
    public int Prompt { get; init; }

    /// <summary>Beam search: sum of log-probabilities over generated length to the power of the length penalty; null otherwise.</summary>
    public float? Score { get; init; }

    /// <summary>Raw logits of each step, if they were asked for; null otherwise.</summary>
    public IReadOnlyList<float[]>? Logits { get; init; }

    /// <summary>Logits of each step after all processors, if they were asked for; null otherwise.</summary>
    public IReadOnlyList<float[]>? ProcessedLogits { get; init; }
}
