using System.Diagnostics;
using System.Globalization;
using Aperture.Files;
using Aperture.Measuring;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Training;

/// <summary>Runs a step's forward.</summary>
/// <param name="step">The step, from 0.</param>
/// <param name="samples">The samples of the step.</param>
/// <param name="backward">Takes the loss and runs backward; to be called while what the forward was computed from is alive.</param>
internal delegate TrainingStep TrainingForward(int step, int[] samples, Action<Tensor> backward);

/// <summary>The loop that every training shares: order of samples, backward, optimizer, log, checkpoints, going on after a stop.</summary>
internal static class TrainingLoop
{
    private const int WorthlessInARow = 20;

    /// <summary>Trains, or goes on training, and writes the result.</summary>
    /// <param name="name">What is trained, for log and messages.</param>
    /// <param name="run">The training; borrowed. An <see cref="IOwnTraining"/> is trained by its own optimizer and rates.</param>
    /// <param name="fingerprint">A name for method, options and data together, by which a continued run knows that it is the same.</param>
    /// <param name="outputFolder">Folder of the run.</param>
    /// <param name="lengths">Lengths of the samples, by which they are put together; empty for a training that draws its data anew each step.</param>
    /// <param name="forward">A step's forward.</param>
    /// <param name="pace">How often to save and report; null for the defaults.</param>
    /// <param name="progress">Told as often as the log; null for nobody.</param>
    /// <param name="cancellationToken">Stops after the step, with a checkpoint.</param>
    /// <exception cref="ApertureException">Another training runs in the folder, or the folder holds another run.</exception>
    public static TrainingResult Run(
        string name, ITraining run, string fingerprint, string outputFolder, IReadOnlyList<int> lengths, TrainingForward forward, TrainingPace? pace,
        IProgress<TrainingProgress>? progress, CancellationToken cancellationToken)
    {
        pace ??= new TrainingPace();
        TrainingPlan plan = run.Plan;
        plan.Validate(name);
        IOwnTraining? own = run as IOwnTraining;
        string folder = Path.Combine(outputFolder, MethodTrainer.RunFolder);
        using IDisposable held = FolderLock.Take(folder, "another training");
        TrainingCheckpoint checkpoint = new(folder, fingerprint);
        using IOptimizer optimizer = own?.CreateOptimizer() ?? new AdamW(run.Parameters, run.RateScale, AdamSettings.Of(plan));
        int first = checkpoint.Restore(run, optimizer);
        TrainingLog log = new(Path.Combine(folder, "train.log"), name, plan.Steps, progress);
        if (first < plan.Steps)
        {
            log.Write(first == 0 ? $"{name}: {Describe(run, lengths)}" : $"{name}: goes on at step {first}");
        }

        SampleOrder? order = lengths.Count == 0 ? null : new(lengths, plan.BatchSize, plan.Seed);
        Stopwatch sinceCheckpoint = Stopwatch.StartNew();
        int worthless = 0;
        for (int step = first; step < plan.Steps; step++)
        {
            if (cancellationToken.IsCancellationRequested)
            {
                checkpoint.Save(step, run, optimizer);
                cancellationToken.ThrowIfCancellationRequested();
            }

            double? loss = Step(forward, order?.Batch(step) ?? [], step, out IReadOnlyDictionary<string, double> metrics);
            worthless = loss is { } value && !double.IsFinite(value) ? worthless + 1 : 0;
            if (worthless == WorthlessInARow)
            {
                throw new ApertureException(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{name}: the loss of {worthless} steps in a row is not a number (step {step}); lower Rate ({plan.Rate}) and give another folder."));
            }

            if (worthless == 0)
            {
                optimizer.Step(own?.RateAt(step) ?? plan.RateAt(step));
            }
            else
            {
                Forget(run);
            }

            log.Add(loss, metrics);
            bool last = step + 1 == plan.Steps;
            bool score = own is not null && (last || (step + 1) % own.ScoreEvery == 0);
            if (last || score || (step + 1) % pace.ReportEvery == 0)
            {
                log.Report(step + 1, score ? own!.Score() : null);
            }

            if (last || sinceCheckpoint.Elapsed > pace.CheckpointEvery)
            {
                checkpoint.Save(step + 1, run, optimizer);
                sinceCheckpoint.Restart();
            }
        }

        return run.Save();
    }

    private static string Describe(ITraining run, IReadOnlyList<int> lengths)
    {
        string recipe = run is IOwnTraining own ? own.Recipe : run.Plan.ToString();
        string data = lengths.Count == 0 ? "data drawn at each step" : $"{lengths.Count} samples";
        return $"{recipe}, {run.Parameters.Values.Sum(p => p.NumberOfElements):N0} parameters, {data}";
    }

    private static double? Step(TrainingForward forward, int[] samples, int step, out IReadOnlyDictionary<string, double> metrics)
    {
        using DisposeScope scope = NewDisposeScope();
        double? value = null;
        metrics = forward(step, samples, Backward).Metrics;
        return value;

        void Backward(Tensor loss)
        {
            double number = loss.item<float>();
            value = number;
            if (double.IsFinite(number))
            {
                loss.backward();
            }
        }
    }

    private static void Forget(ITraining run)
    {
        using IDisposable quiet = no_grad();
        foreach (Tensor parameter in run.Parameters.Values)
        {
            parameter.grad = null;
        }
    }
}
