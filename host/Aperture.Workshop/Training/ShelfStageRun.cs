using Aperture.Data;
using Aperture.Measuring;
using Aperture.Requests;
using Aperture.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Workshop;

/// <summary>One stage as the training loop runs it. Borrows everything that it is given.</summary>
internal sealed class ShelfStageRun : IOwnTraining
{
    private const int EvaluationStream = int.MaxValue;
    private const double EarlyWeight = 0.5, QueryKeyScale = 0.3;

    private readonly int _index;
    private readonly ShelfStageOptions _stage;
    private readonly ShelfTrainerOptions _options;
    private readonly ShelfForward _forward;
    private readonly ShelfScores _scores;
    private readonly FashionItems? _training;
    private readonly FashionItems? _heldOut;

    /// <param name="index">Place of the stage in the run.</param>
    /// <param name="options">The run.</param>
    /// <param name="forward">The model.</param>
    /// <param name="scores">How well questions are answered so far.</param>
    /// <param name="training">Photographs to train on; null where no stage shows pictures.</param>
    /// <param name="heldOut">Photographs to score on; null as well.</param>
    public ShelfStageRun(int index, ShelfTrainerOptions options, ShelfForward forward, ShelfScores scores, FashionItems? training, FashionItems? heldOut)
    {
        (_index, _options, _stage, _forward, _scores) = (index, options, options.Stages[index], forward, scores);
        (_training, _heldOut) = _stage.Stage == ShelfStage.Language ? (null, null) : (training, heldOut); // shelves are told there
        Dictionary<string, Tensor> trained = [];
        foreach ((string name, Tensor tensor) in forward.Model.Tensors)
        {
            tensor.requires_grad = Trains(name);
            if (tensor.requires_grad)
            {
                trained[name] = tensor;
            }
        }

        Parameters = trained;
        Plan = new TrainingPlan(_stage.Steps, _stage.Pictures, _stage.AdamRate) { Beta2 = 0.98, WeightDecay = 0.02, Seed = options.Seed };
    }

    public TrainingPlan Plan { get; }

    public IReadOnlyDictionary<string, Tensor> Parameters { get; }

    public IReadOnlyDictionary<string, Tensor> State => _scores.State;

    public string Recipe => $"{_stage with { Types = null }} {string.Join(' ', _stage.Types ?? [])}".TrimEnd();

    public int ScoreEvery => _options.EvaluateEvery;

    public IOptimizer CreateOptimizer()
        => new AdamMuon(Parameters, IsMuon, RateScale, AdamSettings.Of(Plan), _stage.MuonRate / _stage.AdamRate, _forward.Compute);

    // The projector's last matrix has the embeddings' length, so it moves by as much more. Queries and keys move less: Muon would make attention hard before
    // it knows where to look.
    public double RateScale(string name)
        => name.StartsWith(Names.Projector[1] + ".", StringComparison.Ordinal) ? ShelfParameters.EmbeddingLength
            : Names.IsLanguage(name) && (Holds(name, "q_proj") || Holds(name, "k_proj")) ? QueryKeyScale
            : 1;

    public double RateAt(int step)
    {
        double rise = Math.Min(1, (step + 1.0) / _stage.WarmUp);
        double left = (_stage.Steps - step) / (_stage.Steps * _stage.Decay);
        return _stage.AdamRate * Math.Min(rise, Math.Min(1, left));
    }

    /// <summary>A step's forward and backward.</summary>
    /// <param name="step">The step, from 0: everything drawn depends on it and the seed.</param>
    /// <param name="samples">None: shelves are drawn anew.</param>
    /// <param name="backward">Takes the loss.</param>
    public TrainingStep Step(int step, int[] samples, Action<Tensor> backward)
    {
        SeededRandom random = new(_options.Seed, (((long)_index + 1) << 32) + step);
        if (_stage.Stage == ShelfStage.Vision)
        {
            (ShelfScene[] scenes, byte[][] pictures, (int Y, int X)?[][] labels) = Paint(_training!, _stage.Pictures, random);
            backward(_forward.DescribePatches(scenes, pictures, labels, _stage.LabelWeight).Loss);
            return Done;
        }

        int patches = step >= _stage.Steps * (1 - _stage.AllPatches) ? _forward.Model.Patches.PerPlace : _stage.PatchesPerPlace;
        using ShelfBatch batch = _forward.Draw(_training, _stage, patches, _scores.Weights(_stage.Types), random);
        Tensor logits = _forward.Answer(batch, random.Below(int.MaxValue)); // [answer tokens and early rows, V]
        int answers = batch.AnswerTokens, early = (int)batch.Answers.size(0) - answers;
        Tensor loss = nn.functional.cross_entropy(logits.narrow(0, 0, answers), batch.Answers.narrow(0, 0, answers));
        Tensor earlyLoss = nn.functional.cross_entropy(logits.narrow(0, answers, early), batch.Answers.narrow(0, answers, early));
        backward(loss.add(earlyLoss.mul(EarlyWeight)));
        _scores.Remember(_scores.Of(batch, logits));
        return Done;
    }

    // Held-out pictures, always the same ones. Answers count only if every token is right.
    public IReadOnlyDictionary<string, double> Score()
    {
        using IDisposable quiet = no_grad();
        using DisposeScope scope = NewDisposeScope();
        SeededRandom random = new(_options.Seed, EvaluationStream);
        if (_stage.Stage == ShelfStage.Vision)
        {
            (ShelfScene[] scenes, byte[][] pictures, (int Y, int X)?[][] labels) = Paint(_heldOut!, _options.EvaluationPictures, random);
            (Tensor loss, IReadOnlyDictionary<string, double> accuracies) = _forward.DescribePatches(scenes, pictures, labels, _stage.LabelWeight);
            return accuracies.Prepend(new KeyValuePair<string, double>("held-out loss", loss.item<float>())).ToDictionary();
        }

        IReadOnlyList<ShelfQuestionType> types = _forward.Set.Types;
        int patches = _stage.AllPatches > 0 ? _forward.Model.Patches.PerPlace : _stage.PatchesPerPlace;
        using ShelfBatch batch = _forward.Draw(_heldOut, _stage with { Pictures = _options.EvaluationPictures }, patches, [.. types.Select(_ => 1.0)], random);
        (int[] right, int[] asked) = _scores.Of(batch, _forward.Answer(batch, 0));
        Dictionary<string, double> scores = types.Index()
            .ToDictionary(type => ShelfQuestion.NameOf(type.Item), type => (double)right[type.Index] / asked[type.Index]);
        scores["all"] = (double)right.Sum() / asked.Sum();
        return scores;
    }

    /// <summary>Nothing: the stages behind this one, or the trainer, go on with the parameters.</summary>
    public TrainingResult Save() => new([], []);

    public void Dispose()
    {
    }

    private ShelfNames Names => _forward.Model.Names;

    private static TrainingStep Done { get; } = new(null, new Dictionary<string, double>());

    // Both first stages rest on the embeddings as they began, so that either can run without the other.
    private bool Trains(string name) => _stage.Stage switch
    {
        ShelfStage.Vision => !Names.IsLanguage(name),
        ShelfStage.Language => Names.IsLanguage(name) && name != Names.Embeddings,
        _ => Names.IsLanguage(name) || Names.IsProjector(name),
    };

    private bool IsMuon(string name) => _stage.MuonRate > 0 && Names.IsLanguage(name) && Holds(name, ".layers.") && Holds(name, "_proj.weight");

    private static bool Holds(string name, string part) => name.Contains(part, StringComparison.Ordinal);

    private (ShelfScene[] Scenes, byte[][] Pictures, (int Y, int X)?[][] Labels) Paint(FashionItems items, int count, SeededRandom random)
    {
        ShelfScene[] scenes = new ShelfScene[count];
        byte[][] pictures = new byte[count][];
        (int Y, int X)?[][] labels = new (int Y, int X)?[count][];
        for (int i = 0; i < count; i++)
        {
            scenes[i] = _forward.Set.Draw(random);
            pictures[i] = _forward.Set.Paint(scenes[i], items, random, out labels[i]);
        }

        return (scenes, pictures, labels);
    }
}
