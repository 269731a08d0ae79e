namespace Aperture.Text;

/// <summary>A training conversation as ids and labels.</summary>
/// <param name="InputIds">The ids; an image is <see cref="ImagePrompts.ImageId"/>.</param>
/// <param name="Labels">The label of every id: the id itself where the loss counts, else <see cref="TrainingLabels.Ignored"/>.</param>
/// <param name="Messages">The messages as they went into the prompt.</param>
/// <param name="Mismatch">Whether the parts' lengths did not add up, so that the whole sample is ignored.</param>
public sealed record TrainingSample(IReadOnlyList<int> InputIds, IReadOnlyList<int> Labels, IReadOnlyList<string> Messages, bool Mismatch);
