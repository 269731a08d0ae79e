using System.Security.Cryptography;
using Aperture.Decoding;
using Aperture.Models;
using Aperture.Training;
using Aperture.Vision;
using Aperture.Weights;
using TorchSharp;
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

        if (options.Model is { } opened)
        {
            opened.Use(
                token =>
                {
                    Train(options, progress, token);
                    return true;
                },
                cancellationToken);
        }
        else
        {
            Train(options, progress, cancellationToken);
        }
    }

    private static void Train(ShelfTrainerOptions options, IProgress<TrainingProgress>? progress, CancellationToken cancellationToken)
    {
        ShelfTokenizer tokenizer = new(options.Set.Words);
        VisionTransformerConfig tower = options.Set.Tower(options.TowerSide);
        using IShelfModel model = options.Model is { } opened
            ? new ShelfOpenedModel(opened, tokenizer, tower.Grid)
            : new ShelfPlainModel(tokenizer, tower, options.Seed, WeightPolicy.ProcessorHasBf16 ? ScalarType.BFloat16 : ScalarType.Float32);
        foreach (string folder in options.StartFrom)
        {
            TakeFrom(folder, model);
        }

        using ShelfForward forward = new(options.Set, tokenizer, model);
        using ShelfScores scores = new(options.Set.Types);
        bool shows = options.Stages.Any(stage => stage.Stage != ShelfStage.Language);
        FashionItems? training = shows ? FashionItems.Load(ShelfPart.Training, options.ItemsFolder) : null;
        FashionItems? heldOut = shows ? FashionItems.Load(ShelfPart.HeldOut, options.ItemsFolder) : null;
        TrainingPace pace = new() { ReportEvery = options.ReportEvery, CheckpointEvery = options.CheckpointEvery };
        for (int index = 0; index < options.Stages.Count; index++)
        {
            string name = NameOf(options.Stages[index]);
            using ShelfStageRun run = new(index, options, forward, scores, training, heldOut);
            string fingerprint = $"{name}, {run.Recipe}, seed {options.Seed}, from weights {Digest(model, scores)}";
            TrainingLoop.Run(name, run, fingerprint, Path.Combine(options.RunFolder, $"{index + 1}-{name}"), [], run.Step, pace, progress, cancellationToken);
        }

        if (options.ModelFolder is { } modelFolder)
        {
            model.Write(modelFolder);
        }
    }

    private static string NameOf(ShelfStageOptions stage) => stage.Stage.ToString().ToLowerInvariant();

    // A checkpoint holds what its stage trained and nothing else.
    private static void TakeFrom(string folder, IShelfModel model)
    {
        if (File.Exists(Path.Combine(folder, ModelFolder.ConfigFile)))
        {
            TakeDecoder(folder, model);
            return;
        }

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

        Array.ForEach(files, file => TrainingCheckpoint.CopyParameters(file, model.Tensors));
    }

    // A set's own words stand behind those that all have, so that a decoder without them has the first rows of both tables.
    private static void TakeDecoder(string folder, IShelfModel model)
    {
        using IDisposable quiet = no_grad();
        using DisposeScope scope = NewDisposeScope();
        using IWeightSource source = WeightFiles.Open(folder);
        foreach ((string name, Tensor parameter) in model.Tensors.Where(parameter => model.Names.IsLanguage(parameter.Key)))
        {
            if (!source.Contains(name) || source.Describe(name).Shape is not { } shape || shape.Length != parameter.dim() || shape[0] > parameter.size(0)
                || !shape.Skip(1).SequenceEqual(parameter.shape.Skip(1)))
            {
                throw new ApertureException(
                    $"'{folder}' has no {name} of a shape that fits [{string.Join(", ", parameter.shape)}]; name a model of the same sizes.");
            }

            parameter.narrow(0, 0, shape[0]).copy_(source.Load(name));
        }
    }

    // What a stage begins with: another seed, other stages before it or another start are another run.
    private static string Digest(IShelfModel model, ShelfScores scores)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (Tensor tensor in model.Tensors.Values.Concat(scores.State.Values))
        {
            hash.AppendData(tensor.bytes);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 8));
    }
}
