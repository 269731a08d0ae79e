using Aperture.Measuring;
using Aperture.Plugins.Eas.Search;
using Aperture.Training;
using static TorchSharp.torch;

namespace Aperture.Plugins.Eas.Training;

/// <summary>
/// Searches for attention that the task does not need, while adapters are trained around sets drawn by the bandit: the first phase of EAS. The adapters are
/// thrown away afterwards; what stays is a JSON file.
/// </summary>
internal sealed class SearchTraining : ITrainingRun
{
    /// <summary>The file that a search writes.</summary>
    public const string FileName = "search.json";

    private readonly ITrainingModel _model;
    private readonly EasTrainingOptions _options;
    private readonly AdapterParameters _parameters;
    private readonly RedundancySearch _search;
    private readonly Tensor _scores;
    private readonly int _count;

    /// <exception cref="ApertureException">Options do not fit the model.</exception>
    public SearchTraining(ITrainingModel model, EasTrainingOptions options)
    {
        if (SkipList.IsGiven(options.SkipLayers))
        {
            throw EasAdapters.Error("SkipLayers is what a search finds; leave it out, or set Stage to Adapters");
        }

        _model = model;
        _options = options;
        TrainedBase trained = TrainedBase.Of(model);
        Plan = options.Plan(trained, model.Samples);
        _count = options.Count(model.Decoder.Layers);
        _search = new RedundancySearch(options.Rule(trained, _count, Plan), model.Decoder.Layers);
        _parameters = new AdapterParameters(model, options, skipped: null, Plan.Seed);
        _scores = zeros(model.Decoder.Layers, dtype: ScalarType.Float64).DetachFromDisposeScope();
        State = new Dictionary<string, Tensor> { ["scores"] = _scores };
    }

    public TrainingPlan Plan { get; }

    public IReadOnlyDictionary<string, Tensor> Parameters => _parameters.All;

    public IReadOnlyDictionary<string, Tensor> State { get; }

    public TrainingStep Step(int step, ITrainingBatch batch, CancellationToken cancellationToken)
    {
        ReadScores();
        Dictionary<string, double> metrics = [];
        SeededArmSampler sampler = new(AdapterStep.Seed(Plan.Seed, step));
        HashSet<int> drawn = [.. _search.DrawStep(sampler, step + 1)];
        Tensor loss = AdapterStep.Loss(_model, batch, _parameters, drawn, _options.Dropout, AdapterStep.Seed(Plan.Seed, step) + 1, cancellationToken);
        if (_search.EvaluatesAt(step + 1))
        {
            int[][] sets = _search.DrawSets(sampler);
            double[] losses =
            [
                .. sets.Select(
                    set => AdapterStep.Evaluate(
                        _model, batch, _parameters, set.ToHashSet(), _options.Dropout, AdapterStep.Seed(Plan.Seed, step) + 2, cancellationToken)),
            ];
            if (losses.All(double.IsFinite))
            {
                _search.Update(sets, losses);
                WriteScores();
            }

            metrics["spread"] = losses.Max() - losses.Min();
        }

        return new TrainingStep(loss, metrics);
    }

    public TrainingResult Save()
    {
        ReadScores();
        int[] best = _search.Best(_count);
        SearchResult result = new() { Base = _parameters.Base.Name, Task = _options.Task, K = _count, Scores = _search.Scores.ToArray(), Skip = best };
        Directory.CreateDirectory(_model.OutputFolder);
        string path = Path.Combine(_model.OutputFolder, FileName);
        result.Write(path);
        return new TrainingResult([$"least needed attention, the least first: layers {string.Join(", ", best)}"], [path]);
    }

    public void Dispose()
    {
        _parameters.Dispose();
        _scores.Dispose();
    }

    // The scores live in a tensor between steps, because the host saves and restores it.
    private void ReadScores() => _scores.data<double>().ToArray().CopyTo(_search.Scores);

    private void WriteScores()
    {
        using Tensor now = tensor(_search.Scores.ToArray());
        _scores.copy_(now);
    }
}
