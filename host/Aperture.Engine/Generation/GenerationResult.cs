namespace Aperture.Generation;

/// <summary>What was generated, and how long it took.</summary>
/// <param name="Sequences">One sequence a prompt; with beams the asked number a prompt, best first.</param>
/// <param name="Timings">Durations.</param>
public sealed record GenerationResult(IReadOnlyList<GeneratedSequence> Sequences, GenerationTimings Timings)
{
    /// <summary>The seed that sampling used, also where none was given.</summary>
    public ulong Seed { get; init; }

    /// <summary>Bytes of keys and values held when the last token was chosen.</summary>
    public long CacheBytes { get; init; }
}
