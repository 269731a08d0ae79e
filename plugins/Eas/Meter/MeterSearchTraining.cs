using Aperture.Models;
using Aperture.Plugins.Eas.Search;
using Aperture.Tasks;
using Aperture.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.Eas.Meter;

/// <summary>
/// Searches for attention that a task does not need, while adapters are trained around sets drawn by the bandit: the first phase of EAS, as METER-EAS runs it.
/// The adapters are thrown away afterwards; what stays is a JSON file. Owns the objective.
/// </summary>
internal sealed class MeterSearchTraining : ITaskTraining
{
    private const string FileName = "search.json";

    private readonly MeterObjective _objective;
    private readonly MeterTrainingOptions _options;
    private readonly string _outputFolder;
    private readonly RedundancySearch _search;
    private readonly Tensor _scores;

    /// <param name="objective">Model and loss; owned once the constructor returns.</param>
    /// <param name="options">The user's options.</param>
    /// <param name="outputFolder">Where the result goes.</param>
    /// <exception cref="ApertureException">The numbers of arms and sets do not fit.</exception>
    public MeterSearchTraining(MeterObjective objective, MeterTrainingOptions options, string outputFolder)
    {
        if (options.Skip is { ValueKind: not (System.Text.Json.JsonValueKind.Null or System.Text.Json.JsonValueKind.Undefined) })
        {
            throw new ApertureException($"{MeterFactory.ClassifierName}: Skip is what a search finds; leave it out, or set Stage to Adapters.");
        }

        (_objective, _options, _outputFolder) = (objective, options, outputFolder);
        SearchRule rule = SearchRule.Meter(options.SkipCount, options.SearchWarmUp ?? (int)Math.Ceiling(Plan.Steps * Plan.WarmUp));
        _search = new RedundancySearch(rule with { Sets = options.Sets, Every = options.Every, Rate = options.ScoreRate }, Arms);
        _scores = zeros(Arms, dtype: ScalarType.Float64).DetachFromDisposeScope();
    }

    public TrainingPlan Plan => _objective.Plan;

    public IReadOnlyDictionary<string, Tensor> Parameters => _objective.Parameters;

    public IReadOnlyDictionary<string, Tensor> State => new Dictionary<string, Tensor> { ["scores"] = _scores };

    private int Arms => MeterPlan.Kinds * _objective.Layers;

    public double RateScale(string name) => _objective.RateScale(name);

    public TrainingStep Step(int step, IReadOnlyList<int> samples, CancellationToken cancellationToken)
    {
        ReadScores();
        SeededArmSampler sampler = new(unchecked((ulong)((Plan.Seed * 2_038_074_743) + step)));
        (Tensor loss, double score) = _objective.Run(samples, PlanOf(_search.DrawStep(sampler, step + 1)), step, cancellationToken);
        Dictionary<string, double> metrics = new() { ["score"] = score };
        if (_search.EvaluatesAt(step + 1))
        {
            metrics["spread"] = Compare(step, samples.Count, sampler, cancellationToken);
        }

        return new TrainingStep(loss, metrics);
    }

    public TrainingResult Save()
    {
        ReadScores();
        int[] best = _search.Best(_options.SkipCount);
        string path = Path.Combine(_outputFolder, FileName);
        new SearchResult
        {
            Base = "METER",
            Task = _options.Task,
            K = best.Length,
            Arms = SearchResult.MeterArms,
            Scores = _search.Scores.ToArray(),
            Skip = best,
        }.Write(path);
        return new TrainingResult([$"least needed attention, the least first: {string.Join(", ", best)}"], [path]);
    }

    public void Dispose()
    {
        _objective.Dispose();
        _scores.Dispose();
    }

    private MeterPlan PlanOf(int[] arms) => MeterPlan.FromArms(arms, _objective.Layers, _options.LegacyArmMap);

    // Sets meet on a batch of their own, with dropout, as the published code has them.
    private double Compare(int step, int count, SeededArmSampler sampler, CancellationToken cancellationToken)
    {
        using IDisposable quiet = no_grad();
        using DisposeScope scope = NewDisposeScope();
        int[][] sets = _search.DrawSets(sampler);
        int[] batch = _objective.Draw(count, -1L - step);
        double[] losses =
        [
            .. sets.Select(
                (set, i) => (double)_objective.Run(batch, PlanOf(set), -1L - (((long)step * sets.Length) + i), cancellationToken).Loss.item<float>()),
        ];
        if (losses.All(double.IsFinite))
        {
            _search.Update(sets, losses);
            using Tensor now = tensor(_search.Scores.ToArray());
            _scores.copy_(now);
        }

        return losses.Max() - losses.Min();
    }

    // The scores live in a tensor between steps, because the host saves and restores it.
    private void ReadScores() => _scores.data<double>().ToArray().CopyTo(_search.Scores);
}
