namespace Aperture.Training;

/// <summary>What a training gave.</summary>
/// <param name="Summary">Lines to show.</param>
/// <param name="Files">Full paths of the files that were written.</param>
public sealed record TrainingResult(IReadOnlyList<string> Summary, IReadOnlyList<string> Files);
