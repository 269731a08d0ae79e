using System.Security.Cryptography;
using Aperture.Decoding;
using Aperture.Models;
using Aperture.Training;
using static TorchSharp.torch;

namespace Aperture.Workshop;

/// <summary>
/// Trains the shipped small model on shelves, stage by stage. Each stage has a folder with its log and checkpoint in the run's folder. A run that was stopped
/// at any time goes
/// on from there, sees the pictures and questions that it would have seen, and ends with the same numbers.
/// </summary>
public static class ShelfTrainer
{
    /// <summary>Trains, or goes on training.</summary>
    /// <param name="options">The run.</param>
    /// <param name="progress">Told about every <see cref="ShelfTrainerOptions.ReportEvery"/> steps; null for nobody.</param>
    /// <param name="cancellationToken">Stops after the step, with a checkpoint.</param>
    /// <exception cref="ApertureException">The data set is not installed, a checkpoint is another run's, or the disk refuses.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static void Run(ShelfTrainerOptions options, IProgress<TrainingProgress>? progress, CancellationToken cancellationToken)
    {
        if (options.Threads > 0)
        {
            set_num_threads(options.Threads);
        }

        ShelfTokenizer tokenizer = new();
        using ShelfParameters parameters = new(tokenizer.Count, options.Seed);
        foreach (string folder in options.StartFrom)
        {
            TakeFrom(folder, parameters);
        }

        using ShelfForward forward = new(tokenizer, parameters, WeightPolicy.ProcessorHasBf16 ? ScalarType.BFloat16 : ScalarType.Float32);
        using ShelfScores scores = new();
        bool shows = options.Stages.Any(stage => stage.Stage != ShelfStage.Language);
        FashionItems? training = shows ? FashionItems.Load(ShelfPart.Training, options.ItemsFolder) : null;
        FashionItems? heldOut = shows ? FashionItems.Load(ShelfPart.HeldOut, options.ItemsFolder) : null;
        TrainingPace pace = new() { ReportEvery = options.ReportEvery, CheckpointEvery = options.CheckpointEvery };
        for (int index = 0; index < options.Stages.Count; index++)
        {
            string name = NameOf(options.Stages[index]);
            using ShelfStageRun run = new(index, options, forward, scores, training, heldOut);
            string fingerprint = $"{name}, {run.Recipe}, seed {options.Seed}, from weights {Digest(parameters, scores)}";
            TrainingLoop.Run(name, run, fingerprint, Path.Combine(options.RunFolder, $"{index + 1}-{name}"), [], run.Step, pace, progress, cancellationToken);
        }

        if (options.ModelFolder is { } modelFolder)
        {
            ShelfModelFiles.Write(modelFolder, parameters.Tensors, tokenizer, ScalarType.BFloat16);
        }
    }

    private static string NameOf(ShelfStageOptions stage) => stage.Stage.ToString().ToLowerInvariant();

    // A checkpoint holds what its stage trained and nothing else.
    private static void TakeFrom(string folder, ShelfParameters parameters)
    {
        string[] files = !Directory.Exists(folder) ? [] :
        [
            .. Directory.EnumerateDirectories(folder)
                .Order(StringComparer.Ordinal)
                .Select(stage => Path.Combine(stage, MethodTrainer.RunFolder, TrainingCheckpoint.FileName))
                .Where(File.Exists),
        ];
        if (files.Length == 0)
        {
            throw new ApertureException($"'{folder}' holds no stage's {TrainingCheckpoint.FileName}; name the folder of a training run.");
        }

        Array.ForEach(files, file => TrainingCheckpoint.CopyParameters(file, parameters.Tensors));
    }

    // What a stage begins with: another seed, other stages before it or another start are another run.
    private static string Digest(ShelfParameters parameters, ShelfScores scores)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (Tensor tensor in parameters.Tensors.Values.Concat(scores.State.Values))
        {
            hash.AppendData(tensor.bytes);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 8));
    }
}
