using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Training;

/// <summary>
/// Trains a method: draws batches, runs backward and optimizer, logs, and saves the state often enough that a run killed at any time loses minutes. A run that went on after a stop
/// ends with the same numbers as one that did not stop.
/// </summary>
public static class MethodTrainer
{
    private const int WorthlessInARow = 20;

    /// <summary>Folder below the output folder that holds checkpoint and log.</summary>
    public const string RunFolder = "training";

    /// <summary>Trains, or goes on training, and writes the result.</summary>
    /// <param name="name">The method's name.</param>
    /// <param name="method">The method.</param>
    /// <param name="options">Its options.</param>
    /// <param name="model">The model and its samples; borrowed.</param>
    /// <param name="pace">How often to save and report; null for the defaults.</param>
    /// <param name="progress">Told as often as the log; null for nobody.</param>
    /// <param name="cancellationToken">Stops after the step, with a checkpoint.</param>
    /// <returns>What was written.</returns>
    /// <exception cref="ApertureException">Options do not fit, the folder holds another run, the loss is not a number any more, or the disk refuses.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static TrainingResult Run(
        string name, ITrainedMethod method, JsonElement options, TrainingModel model, TrainingPace? pace, IProgress<TrainingProgress>? progress, CancellationToken cancellationToken)
    {
        pace ??= new TrainingPace();
        using ITrainingRun run = method.BeginTraining(model, options);
        TrainingPlan plan = run.Plan;
        plan.Validate(name);
        string folder = Path.Combine(model.OutputFolder, RunFolder);
        Directory.CreateDirectory(folder);
        TrainingCheckpoint checkpoint = new(folder, $"{name} {(options.ValueKind == JsonValueKind.Object ? options.GetRawText() : "{}")} on {model.Fingerprint}");
        using AdamW optimizer = new(run.Parameters, run.RateScale, new AdamSettings(plan.Beta1, plan.Beta2, plan.Epsilon, plan.WeightDecay, plan.LargestGradient));
        int first = checkpoint.Restore(run, optimizer);
        TrainingLog log = new(Path.Combine(folder, "train.log"), name, plan.Steps, progress);
        if (first < plan.Steps)
        {
            log.Write(first == 0 ? $"{name}: {plan}, {run.Parameters.Values.Sum(p => p.NumberOfElements):N0} parameters, {model.Samples} samples" : $"{name}: goes on at step {first}");
        }

        SampleOrder order = new(model.Lengths, plan.BatchSize, plan.Seed);
        Stopwatch sinceCheckpoint = Stopwatch.StartNew();
        int worthless = 0;
        for (int step = first; step < plan.Steps; step++)
        {
            if (cancellationToken.IsCancellationRequested)
            {
                checkpoint.Save(step, run, optimizer);
                cancellationToken.ThrowIfCancellationRequested();
            }

            double? loss = Step(run, model, order.Batch(step), step, out IReadOnlyDictionary<string, double> metrics);
            worthless = loss is { } value && !double.IsFinite(value) ? worthless + 1 : 0;
            if (worthless == WorthlessInARow)
            {
                throw new ApertureException(string.Create(CultureInfo.InvariantCulture, $"{name}: the loss of {worthless} steps in a row is not a number (step {step}); lower Rate ({plan.Rate}) and give another --output."));
            }

            if (worthless == 0)
            {
                optimizer.Step(plan.RateAt(step));
            }
            else
            {
                Forget(run);
            }

            log.Add(loss, metrics);
            bool last = step + 1 == plan.Steps;
            if (last || (step + 1) % pace.ReportEvery == 0)
            {
                log.Report(step + 1);
            }

            if (last || sinceCheckpoint.Elapsed > pace.CheckpointEvery)
            {
                checkpoint.Save(step + 1, run, optimizer);
                sinceCheckpoint.Restart();
            }
        }

        return run.Save();
    }

    private static double? Step(ITrainingRun run, TrainingModel model, int[] samples, int step, out IReadOnlyDictionary<string, double> metrics)
    {
        using DisposeScope scope = NewDisposeScope();
        using TrainingBatch batch = model.Batch(samples, CancellationToken.None);
        TrainingStep result = run.Step(step, batch, CancellationToken.None);
        metrics = result.Metrics;
        if (result.Loss is not { } loss)
        {
            return null;
        }

        double value = loss.item<float>();
        if (double.IsFinite(value))
        {
            loss.backward();
        }

        return value;
    }

    private static void Forget(ITrainingRun run)
    {
        using IDisposable quiet = no_grad();
        foreach (Tensor parameter in run.Parameters.Values)
        {
            parameter.grad = null;
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
