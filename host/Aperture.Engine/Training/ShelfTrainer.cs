using System.Diagnostics;
using Aperture.Data;
using Aperture.Data.Shelf;
using Aperture.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Training;

/// <summary>Trains the shipped small model on shelves. A run that was stopped at any time goes on from its last checkpoint and sees the same pictures and questions it would have seen.</summary>
public sealed class ShelfTrainer : IDisposable
{
    private const int EvaluationStream = int.MaxValue, EvaluationPictures = 48;
    private const double ScoreMemory = 0.98, LeastWeight = 0.2, EarlyWeight = 0.5, QueryKeyScale = 0.3;

    private readonly ShelfTrainerOptions _options;
    private readonly ShelfTokenizer _tokenizer = new();
    private readonly ShelfCheckpoint _checkpoint;
    private readonly ShelfParameters _parameters;
    private readonly ShelfForward _forward;
    private readonly FashionItems? _training;
    private readonly FashionItems? _heldOut;
    private readonly IProgress<TrainingProgress>? _progress;
    private readonly Stopwatch _elapsed = Stopwatch.StartNew();
    private readonly string _log;
    private double[] _scores = [.. Enum.GetValues<ShelfQuestionType>().Select(_ => 0.0)];

    private ShelfTrainer(ShelfTrainerOptions options, IProgress<TrainingProgress>? progress)
    {
        _options = options;
        _progress = progress;
        Directory.CreateDirectory(options.RunFolder);
        _log = Path.Combine(options.RunFolder, "train.log");
        _checkpoint = new ShelfCheckpoint(options.RunFolder);
        if (options.Stages.Any(stage => stage.Stage != ShelfStage.Language))
        {
            _training = FashionItems.Load(ShelfPart.Training, options.ItemsFolder);
            _heldOut = FashionItems.Load(ShelfPart.HeldOut, options.ItemsFolder);
        }

        _parameters = new ShelfParameters(_tokenizer.Count, options.Seed);
        _forward = new ShelfForward(_tokenizer, _parameters, WeightPolicy.ProcessorHasBf16 ? ScalarType.BFloat16 : ScalarType.Float32);
    }

    /// <summary>Trains, or goes on training.</summary>
    /// <param name="options">The run.</param>
    /// <param name="progress">Told about every <see cref="ShelfTrainerOptions.ReportEvery"/> steps; null for nobody.</param>
    /// <param name="cancellationToken">Stops after the step, with a checkpoint.</param>
    /// <exception cref="ApertureException">The data set is not installed, a checkpoint does not fit, or the disk refuses.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static void Run(ShelfTrainerOptions options, IProgress<TrainingProgress>? progress, CancellationToken cancellationToken)
    {
        if (options.Threads > 0)
        {
            set_num_threads(options.Threads);
        }

        using ShelfTrainer trainer = new(options, progress);
        trainer.Run(cancellationToken);
    }

    /// <summary>Frees the parameters.</summary>
    public void Dispose()
    {
        _forward.Dispose();
        _parameters.Dispose();
    }

    private void Run(CancellationToken cancellationToken)
    {
        (int firstStage, int firstStep) = (0, 0);
        if (_checkpoint.Exists)
        {
            (firstStage, firstStep, _scores) = _checkpoint.Position();
            _checkpoint.LoadParameters(_parameters, _ => true);
            Log($"continues at stage {firstStage} step {firstStep}");
        }
        else
        {
            foreach (string folder in _options.StartFrom)
            {
                StartFrom(new ShelfCheckpoint(folder));
            }
        }

        for (int stage = firstStage; stage < _options.Stages.Count; stage++)
        {
            RunStage(stage, stage == firstStage ? firstStep : 0, cancellationToken);
        }

        if (_options.ModelFolder is { } modelFolder)
        {
            ShelfModelFiles.Write(modelFolder, _parameters.Tensors, _tokenizer, ScalarType.BFloat16);
        }
    }

    // What the stages of another run trained: its tower and projector if its last stage was the vision stage, its decoder if it was the language stage.
    private void StartFrom(ShelfCheckpoint other)
    {
        if (!other.Exists)
        {
            throw new ApertureException($"'{other.File}' does not exist; name the folder of a training run.");
        }

        using ShelfParameters initial = new(_tokenizer.Count, _options.Seed);
        using ShelfParameters trained = new(_tokenizer.Count, _options.Seed);
        other.LoadParameters(trained, _ => true);
        using IDisposable quiet = no_grad();
        foreach ((string name, Tensor tensor) in trained.Tensors)
        {
            using Tensor same = tensor.eq(initial.Tensors[name]).all();
            if (!same.item<bool>())
            {
                _parameters.Tensors[name].copy_(tensor);
            }
        }
    }

    private void RunStage(int index, int firstStep, CancellationToken cancellationToken)
    {
        ShelfStageOptions stage = _options.Stages[index];
        Dictionary<string, Tensor> trained = [];
        foreach ((string name, Tensor tensor) in _parameters.Tensors)
        {
            tensor.requires_grad = Trains(stage.Stage, name);
            if (tensor.requires_grad)
            {
                trained[name] = tensor;
            }
        }

        using AdamMuon optimizer = new(trained, IsMuon(stage), RateScale, _forward.Compute);
        if (firstStep > 0)
        {
            _checkpoint.LoadOptimizer(optimizer);
        }

        (double loss, int losses) = (0, 0);
        Stopwatch sinceCheckpoint = Stopwatch.StartNew();
        Log($"{stage.Stage.ToString().ToLowerInvariant()} from step {firstStep}: {stage}");
        for (int step = firstStep; step < stage.Steps; step++)
        {
            if (cancellationToken.IsCancellationRequested)
            {
                _checkpoint.Save(_parameters, optimizer, index, step, _scores);
                cancellationToken.ThrowIfCancellationRequested();
            }

            double rate = RateAt(stage, step);
            loss += TrainStep(stage, index, step);
            losses++;
            optimizer.Step(stage.AdamRate * rate, stage.MuonRate * rate);
            int done = step + 1;
            bool last = done == stage.Steps;
            bool evaluate = last || done % _options.EvaluateEvery == 0;
            if (evaluate || done % _options.ReportEvery == 0)
            {
                Report(stage, done, loss / losses, evaluate ? Evaluate(stage, blank: false) : null);
                (loss, losses) = (0, 0);
            }

            if (last || sinceCheckpoint.Elapsed > _options.CheckpointEvery)
            {
                _checkpoint.Save(_parameters, last ? null : optimizer, last ? index + 1 : index, last ? 0 : done, _scores);
                sinceCheckpoint.Restart();
            }
        }
    }

    private double TrainStep(ShelfStageOptions stage, int index, int step)
    {
        using DisposeScope scope = NewDisposeScope();
        SeededRandom random = new(_options.Seed, (((long)index + 1) << 32) + step);
        if (stage.Stage == ShelfStage.Vision)
        {
            (ShelfScene[] scenes, byte[][] pictures) = Paint(_training!, stage.Pictures, random);
            Tensor described = _forward.DescribePatches(scenes, pictures).Loss;
            described.backward();
            return described.item<float>();
        }

        bool all = step >= stage.Steps * (1 - stage.AllPatches);
        double[] weights = [.. _scores.Select((score, type) => stage.Types?.Contains((ShelfQuestionType)type) == false ? 0 : LeastWeight + 1 - score)];
        using ShelfBatch batch = ShelfBatch.Draw(
            _tokenizer, stage.Stage == ShelfStage.Language ? null : _training, stage, all ? 16 : stage.PatchesPerPlace, weights, Heads, random);
        Tensor logits = _forward.Answer(batch, random.Below(int.MaxValue));
        int answers = batch.AnswerTokens, early = (int)batch.Answers.size(0) - answers;
        Tensor loss = nn.functional.cross_entropy(logits.narrow(0, 0, answers), batch.Answers.narrow(0, 0, answers));
        Tensor earlyLoss = nn.functional.cross_entropy(logits.narrow(0, answers, early), batch.Answers.narrow(0, answers, early));
        loss.add(earlyLoss.mul(EarlyWeight)).backward();
        Remember(Score(batch, logits));
        return loss.item<float>();
    }

    private int Heads => ShelfArchitecture.Decoder(_tokenizer.Count).KeyValueHeads;

    private static bool Trains(ShelfStage stage, string name)
    {
        bool decoder = name.StartsWith("language_model.", StringComparison.Ordinal), projector = name.StartsWith(ShelfArchitecture.ProjectorPrefix, StringComparison.Ordinal);
        return stage switch
        {
            ShelfStage.Vision => !decoder,
            // Both first stages rest on the embeddings as they began, so that either can run without the other.
            ShelfStage.Language => decoder && !name.Contains("embed_tokens", StringComparison.Ordinal),
            _ => decoder || projector,
        };
    }

    private static Func<string, bool> IsMuon(ShelfStageOptions stage)
        => name => stage.MuonRate > 0 && name.Contains(".layers.", StringComparison.Ordinal) && name.StartsWith(ShelfArchitecture.DecoderPrefix, StringComparison.Ordinal) && name.Contains("_proj", StringComparison.Ordinal);

    // The projector's last matrix has the embeddings' length, so it moves by as much more. Queries and keys move less: Muon would make attention hard before it knows where to look.
    private static double RateScale(string name)
        => name.StartsWith(ShelfArchitecture.ProjectorLayers[1], StringComparison.Ordinal) ? ShelfParameters.EmbeddingLength
            : name.StartsWith(ShelfArchitecture.DecoderPrefix, StringComparison.Ordinal) && (name.Contains("q_proj", StringComparison.Ordinal) || name.Contains("k_proj", StringComparison.Ordinal)) ? QueryKeyScale
            : 1;

    private static double RateAt(ShelfStageOptions stage, int step)
    {
        double rise = Math.Min(1, (step + 1.0) / stage.WarmUp);
        double left = (stage.Steps - step) / (stage.Steps * stage.Decay);
        return Math.Min(rise, Math.Min(1, left));
    }

    private static (ShelfScene[] Scenes, byte[][] Pictures) Paint(FashionItems items, int count, SeededRandom random)
    {
        ShelfScene[] scenes = new ShelfScene[count];
        byte[][] pictures = new byte[count][];
        for (int i = 0; i < count; i++)
        {
            scenes[i] = ShelfScene.Draw(random);
            pictures[i] = ShelfPainter.Paint(scenes[i], items, random);
        }

        return (scenes, pictures);
    }

    // Held-out pictures, always the same ones. Answers count only if every token is right.
    private Dictionary<string, double> Evaluate(ShelfStageOptions stage, bool blank)
    {
        using IDisposable quiet = no_grad();
        using DisposeScope scope = NewDisposeScope();
        SeededRandom random = new(_options.Seed, EvaluationStream);
        if (stage.Stage == ShelfStage.Vision)
        {
            (ShelfScene[] scenes, byte[][] pictures) = Paint(_heldOut!, EvaluationPictures, random);
            (Tensor loss, double kinds, double colors) = _forward.DescribePatches(scenes, pictures);
            return new() { ["loss"] = loss.item<float>(), ["kind"] = kinds, ["color"] = colors };
        }

        double[] even = [.. _scores.Select(_ => 1.0)];
        ShelfStageOptions sizes = stage with { Pictures = EvaluationPictures };
        using ShelfBatch batch = ShelfBatch.Draw(_tokenizer, stage.Stage == ShelfStage.Language ? null : _heldOut, sizes, stage.AllPatches > 0 ? 16 : stage.PatchesPerPlace, even, Heads, random);
        if (blank && batch.Pictures is { } shown)
        {
            Array.ForEach(shown, picture => Array.Fill(picture, (byte)128));
        }

        (int[] right, int[] asked) = Score(batch, _forward.Answer(batch, 0));
        Dictionary<string, double> scores = [];
        foreach (ShelfQuestionType type in Enum.GetValues<ShelfQuestionType>())
        {
            scores[ShelfQuestion.NameOf(type)] = asked[(int)type] == 0 ? double.NaN : (double)right[(int)type] / asked[(int)type];
        }

        scores["all"] = (double)right.Sum() / asked.Sum();
        return scores;
    }

    private static (int[] Right, int[] Asked) Score(ShelfBatch batch, Tensor logits)
    {
        using Tensor best = logits.detach().argmax(1);
        using Tensor hits = best.eq(batch.Answers);
        bool[] hit = hits.data<bool>().ToArray();
        bool[] wrong = new bool[batch.Types.Length];
        for (int i = 0; i < batch.AnswerTokens; i++)
        {
            wrong[batch.QuestionOf[i]] |= !hit[i];
        }

        int types = Enum.GetValues<ShelfQuestionType>().Length;
        (int[] right, int[] asked) = (new int[types], new int[types]);
        for (int i = 0; i < wrong.Length; i++)
        {
            asked[(int)batch.Types[i]]++;
            right[(int)batch.Types[i]] += wrong[i] ? 0 : 1;
        }

        return (right, asked);
    }

    private void Remember((int[] Right, int[] Asked) scores)
    {
        for (int type = 0; type < _scores.Length; type++)
        {
            if (scores.Asked[type] > 0)
            {
                _scores[type] = (ScoreMemory * _scores[type]) + ((1 - ScoreMemory) * scores.Right[type] / scores.Asked[type]);
            }
        }
    }

    private void Report(ShelfStageOptions stage, int step, double loss, Dictionary<string, double>? scores)
    {
        TrainingProgress progress = new(stage.Stage.ToString().ToLowerInvariant(), step, stage.Steps, loss, _elapsed.Elapsed, scores);
        string text = scores is null ? "" : "  " + string.Join(' ', scores.Select(score => $"{score.Key} {score.Value:0.000}"));
        Log($"{progress.Stage} {step}/{stage.Steps}  {_elapsed.Elapsed.TotalSeconds:0} s  loss {loss:0.0000}{text}");
        _progress?.Report(progress);
    }

    private void Log(string line) => File.AppendAllText(_log, line + Environment.NewLine);
}
