namespace Aperture.Training;

/// <summary>Where a training run stands.</summary>
/// <param name="Stage">Name of the stage.</param>
/// <param name="Step">Steps of the stage that are done.</param>
/// <param name="Steps">Steps of the stage.</param>
/// <param name="Loss">Mean loss since the last report.</param>
/// <param name="Elapsed">Time since the run or its continuation began.</param>
/// <param name="Scores">Means of what steps have told since the last report and, where this report comes with a scoring, the scores; null where there is
/// neither.</param>
public sealed record TrainingProgress(string Stage, int Step, int Steps, double Loss, TimeSpan Elapsed, IReadOnlyDictionary<string, double>? Scores = null);
