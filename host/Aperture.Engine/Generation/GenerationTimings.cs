namespace Aperture.Generation;

/// <summary>Durations of a generation, in milliseconds, the device waited for.</summary>
/// <param name="Prefill">The forward that gave the first token's logits: the prompt, or the rows appended last.</param>
/// <param name="Decode">Each later forward with the choice of its tokens; all sequences of the batch together.</param>
public sealed record GenerationTimings(double Prefill, IReadOnlyList<double> Decode);
