namespace Aperture.Generation;

/// <summary>Who listens to a generation and who may end it.</summary>
public sealed record GenerationControl
{
    /// <summary>Nobody.</summary>
    public static GenerationControl None { get; } = new();

    /// <summary>Called for each token, on the thread that generates. Beam search calls it at the end, for the best sequence of each prompt.</summary>
    public Action<GeneratedToken>? OnToken { get; init; }

    /// <summary>End a sequence beside the end-of-sequence ids.</summary>
    public IReadOnlyList<IStopCriterion> Stops { get; init; } = [];

    /// <summary>Whether the result carries each step's logits, raw and processed. Not with beams.</summary>
    public bool KeepLogits { get; init; }
}
