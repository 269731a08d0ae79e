using System.Globalization;
using Aperture.Decoding;
using Aperture.Measuring;
using Aperture.Models;

namespace Aperture.Plugins.FitPrune.Calibration;

/// <summary>Fits a recipe: one un-pruned forward a sample for the statistics, then one forward a sample for every alpha of the search.</summary>
internal sealed class RecipeCalibration
{
    private readonly ICalibrationModel _model;
    private readonly CalibrationOptions _options;
    private readonly IProgress<CalibrationProgress>? _progress;
    private readonly HeadReduction _reduction;
    private readonly string _statisticsPath;
    private readonly int _samples;
    private readonly Budget _budget;
    private CalibrationStatistics _statistics;

    public RecipeCalibration(ICalibrationModel model, CalibrationOptions options, IProgress<CalibrationProgress>? progress)
    {
        _model = model;
        _options = options;
        _progress = progress;
        _samples = Math.Min(model.Samples, options.Samples);
        if (_samples == 0)
        {
            throw FitPruneOptions.Error("there is no sample to fit on; give at least one picture with a question");
        }

        DecoderInfo decoder = model.Decoder;
        _reduction = options.HeadReduce == "mean" ? HeadReduction.Mean : HeadReduction.Max;
        _statisticsPath = options.Statistics ?? Path.Combine(model.OutputFolder, RecipeLookup.Folder, "calibration" + CalibrationStatistics.Extension);
        _budget = new Budget(
            options.TargetReduction,
            decoder.Layers,
            options.FlopsHidden ?? decoder.HiddenSize,
            options.FlopsIntermediate ?? decoder.IntermediateSize,
            options.Strict);
        _statistics = new CalibrationStatistics
        {
            Model = decoder.Model,
            Layers = decoder.Layers,
            Hidden = decoder.HiddenSize,
            Intermediate = decoder.IntermediateSize,
            HeadReduce = options.HeadReduce,
        };
    }

    /// <summary>The evaluations of the last run, in order.</summary>
    public IReadOnlyList<AlphaEvaluation> Evaluations { get; private set; } = [];

    public CalibrationResult Run(CancellationToken cancellationToken)
    {
        Resume(cancellationToken);
        Measure(cancellationToken);
        int[] tokens = [.. _statistics.Samples.Take(_samples).Select(s => s.VisualTokens)];
        int baseTokens = Array.TrueForAll(tokens, n => n == tokens[0]) ? tokens[0] : (int)Math.Round(tokens.Average());
        Evaluations = AlphaSearch.Run(alpha => _budget.Evaluate(alpha, Passes(alpha, cancellationToken), tokens, baseTokens), _options.Epsilon);
        AlphaEvaluation chosen = AlphaSearch.Choose(Evaluations, _options.Strict)
            ?? throw FitPruneOptions.Error($"no alpha saves {Percent(_options.TargetReduction)} % of this model's visual FLOPs; ask for less");
        Recipe recipe = Make(chosen, baseTokens);
        string path = _options.Output
            ?? Path.Combine(_model.OutputFolder, RecipeLookup.Folder, RecipeLookup.FileName(Math.Round(_options.TargetReduction * 100, 6)));
        RecipeFile.Write(path, recipe);
        return new CalibrationResult(
            [
                $"alpha {chosen.Alpha.ToString("0.######", CultureInfo.InvariantCulture)} of {Evaluations.Count} "
                + $"tried{(chosen.Reached ? "" : " does not meet the budget (strict)")}, {_samples} samples",
                $"deletes {recipe.Delete.Sum()} of {baseTokens} visual tokens: {string.Join(",", recipe.Delete)}",
                $"saves {Percent(recipe.RealisedReduction)} % of the visual tokens' FLOPs, target {Percent(recipe.TargetReduction)} %",
            ],
            [Path.GetFullPath(path), Path.GetFullPath(_statisticsPath)]);
    }

    private static string Percent(double fraction) => (fraction * 100).ToString("0.##", CultureInfo.InvariantCulture);

    private Recipe Make(AlphaEvaluation chosen, int baseTokens)
    {
        Recipe recipe = new()
        {
            Model = _statistics.Model,
            Layers = _budget.Layers,
            BaseVisualTokens = baseTokens,
            Hidden = _budget.Hidden,
            Intermediate = _budget.Intermediate,
            TargetReduction = _options.TargetReduction,
            Alpha = chosen.Alpha,
            Samples = _samples,
            Strict = _options.Strict,
            Delete = _options.ExactBudget ? AlphaSearch.RoundToBudget(chosen, _budget, baseTokens) : chosen.Counts,
            Source = "calibrated",
            Origin = "the fitted recipe",
        };
        return recipe with { RealisedReduction = ReferenceFlops.VisualReduction(recipe) };
    }

    /// <summary>
    /// Takes up an earlier run's statistics if they are of this model and these samples. Weights have no name, so the first sample is measured again and
    /// compared.
    /// </summary>
    private void Resume(CancellationToken cancellationToken)
    {
        if (!File.Exists(_statisticsPath))
        {
            return;
        }

        CalibrationStatistics earlier = CalibrationStatistics.Read(_statisticsPath);
        bool sameModel = (earlier.Model, earlier.Layers, earlier.Hidden, earlier.Intermediate, earlier.HeadReduce)
            == (_statistics.Model, _statistics.Layers, _statistics.Hidden, _statistics.Intermediate, _statistics.HeadReduce);
        bool sameSamples = earlier.Samples.Count <= _model.Samples
            && earlier.Samples.Select((s, i) => s.Id == _model.SampleId(i)).All(same => same);
        if (!sameModel || !sameSamples || (earlier.Samples.Count > 0 && !Agree(earlier.Samples[0], MeasureOne(0, cancellationToken))))
        {
            throw FitPruneOptions.Error(
                $"'{_statisticsPath}' was measured on another {(sameModel ? sameSamples ? "checkpoint" : "set of samples" : "model")}; delete it or name "
                + "another file with Statistics");
        }

        _statistics = earlier;
    }

    private static bool Agree(SampleStatistics a, SampleStatistics b)
        => (a.Prefix, a.VisualTokens, a.TextAfter) == (b.Prefix, b.VisualTokens, b.TextAfter)
            && a.Cross.Zip(b.Cross).Concat(a.Self.Zip(b.Self)).All(pair => Math.Abs(pair.First - pair.Second) <= 0.02 * Math.Max(Math.Abs(pair.First), 0.01));

    private void Measure(CancellationToken cancellationToken)
    {
        for (int sample = _statistics.Samples.Count; sample < _samples; sample++)
        {
            _statistics.Samples.Add(MeasureOne(sample, cancellationToken));
            _statistics.Write(_statisticsPath);
            _progress?.Report(new CalibrationProgress("measuring attention", sample + 1, _samples));
        }
    }

    private SampleStatistics MeasureOne(int sample, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        using StatisticsReducer reducer = new(_budget.Layers, _reduction);
        _model.RunPrefill(sample, reducer, cancellationToken);
        return reducer.Take(_model.SampleId(sample));
    }

    private SamplePass[] Passes(double alpha, CancellationToken cancellationToken)
    {
        SamplePass[] passes = new SamplePass[_samples];
        for (int sample = 0; sample < _samples; sample++)
        {
            passes[sample] = _statistics.Passes.Find(p => p.Sample == sample && p.Alpha == alpha) ?? RunPass(sample, alpha, cancellationToken);
            _progress?.Report(new CalibrationProgress($"trying alpha {alpha.ToString("0.######", CultureInfo.InvariantCulture)}", sample + 1, _samples));
        }

        return passes;
    }

    private SamplePass RunPass(int sample, double alpha, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        using ThresholdReducer reducer = new(_statistics.Samples[sample], alpha, _reduction);
        _model.RunPrefill(sample, reducer, cancellationToken);
        SamplePass pass = reducer.Take(sample);
        _statistics.Passes.Add(pass);
        _statistics.Write(_statisticsPath);
        return pass;
    }
}
