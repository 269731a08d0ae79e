using Aperture.Text;

namespace Aperture.Training;

/// <summary>One labelled conversation.</summary>
/// <param name="Id">What tells it from the others.</param>
/// <param name="Image">Full path of the picture; null for a conversation without one.</param>
/// <param name="Messages">User and model in turns, the user first.</param>
public sealed record TrainingExample(string Id, string? Image, IReadOnlyList<TrainingMessage> Messages);
