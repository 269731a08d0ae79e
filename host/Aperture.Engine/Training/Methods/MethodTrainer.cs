using System.Text.Json;
using Aperture.Models;
using static TorchSharp.torch;

namespace Aperture.Training;

/// <summary>
/// Trains a method: draws batches, runs backward and optimizer, logs, and saves the state often enough that a run killed at any time loses minutes. A run that
/// went on after a stop ends with the same numbers as one that did not stop.
/// </summary>
public static class MethodTrainer
{
    /// <summary>Folder below the output folder that holds checkpoint and log.</summary>
    public const string RunFolder = "training";

    /// <summary>Trains, or goes on training, and writes the result.</summary>
    /// <param name="name">The method's name.</param>
    /// <param name="method">The method.</param>
    /// <param name="options">Its options.</param>
    /// <param name="model">The model and its samples; borrowed.</param>
    /// <param name="pace">How often to save and report; null for the defaults.</param>
    /// <param name="progress">Told as often as the log; null for nobody.</param>
    /// <param name="cancellationToken">
    /// Stops after the step, with a checkpoint; without one the training ends with the script, entry or cell that started it.
    /// </param>
    /// <returns>What was written.</returns>
    /// <exception cref="ApertureException">
    /// Options do not fit, the folder holds another run, the loss is not a number any more, or the disk refuses.
    /// </exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static TrainingResult Run(
        string name, ITrainedMethod method, JsonElement options, TrainingModel model, TrainingPace? pace, IProgress<TrainingProgress>? progress,
        CancellationToken cancellationToken)
        => model.Model.Use(token => Train(name, method, options, model, pace, progress, token), cancellationToken);

    private static TrainingResult Train(
        string name, ITrainedMethod method, JsonElement options, TrainingModel model, TrainingPace? pace, IProgress<TrainingProgress>? progress,
        CancellationToken cancellationToken)
    {
        using ITrainingRun run = method.BeginTraining(model, options);
        string fingerprint = $"{name} {(options.ValueKind == JsonValueKind.Object ? options.GetRawText() : "{}")} on {model.Fingerprint}";
        return TrainingLoop.Run(name, run, fingerprint, model.OutputFolder, model.Lengths, Step, pace, progress, cancellationToken);

        TrainingStep Step(int step, int[] samples, Action<Tensor> backward)
        {
            using TrainingBatch batch = model.Batch(samples, CancellationToken.None);
            TrainingStep result = run.Step(step, batch, CancellationToken.None);
            if (result.Loss is { } loss)
            {
                backward(loss);
            }

            return result;
        }
    }
}

/// <summary>How often a training saves and reports.</summary>
public sealed record TrainingPace
{
    /// <summary>Steps between two lines of the log.</summary>
    public int ReportEvery { get; init; } = 10;

    /// <summary>Time between two checkpoints.</summary>
    public TimeSpan CheckpointEvery { get; init; } = TimeSpan.FromMinutes(1);
}
