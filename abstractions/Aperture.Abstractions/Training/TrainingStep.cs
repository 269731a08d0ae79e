using static TorchSharp.torch;

namespace Aperture.Training;

/// <summary>What a step computed.</summary>
/// <param name="Loss">A float32 scalar with gradient, which the host disposes; null for a step that trains nothing.</param>
/// <param name="Metrics">Named numbers for the log, averaged between two lines of it.</param>
public sealed record TrainingStep(Tensor? Loss, IReadOnlyDictionary<string, double> Metrics);
