using Aperture.Decoding;
using Aperture.Pipelines;
using Aperture.Plugins.FitPrune.Calibration;
using Aperture.Sequences;
using Aperture.Tasks;
using CsCheck;

namespace Aperture.Plugins.FitPrune.Tests;

public sealed class CalibrationTests
{
    [Fact]
    public void Threshold_is_the_largest_cut_that_leaves_the_target()
        => Gen.Select(Gen.Double[0, 1].Array[1, 30], Gen.Double[0, 1.2]).Sample((values, fraction) =>
        {
            double[] sorted = [.. values.Order()];
            double target = fraction * values.Sum();
            int expected = 0;
            for (int d = 1; d < sorted.Length; d++)
            {
                if (sorted.Skip(d).Sum() >= target + 1e-12)
                {
                    expected = d;
                }
            }

            int allowed = DeletionThreshold.Allowed(values, target);
            return allowed == expected || Math.Abs(sorted.Skip(allowed).Sum() - target) < 1e-9;
        }, iter: 400);

    [Theory]
    [InlineData(0.0, 4)] // nothing has to stay: all but one
    [InlineData(99.0, 0)] // the whole sum falls short
    [InlineData(15.0, 0)]
    [InlineData(14.0, 1)]
    [InlineData(13.9, 1)]
    public void Threshold_at_its_ends(double target, int allowed)
        => Assert.Equal(allowed, DeletionThreshold.Allowed([5, 1, 4, 2, 3], target));

    [Fact]
    public void At_alpha_zero_only_tokens_without_weight_go()
    {
        double[] values = [0.3, 0, 0.1, 0, 0.7];

        Assert.Equal(2, DeletionThreshold.Allowed(values, DeletionThreshold.Total(values)));
    }

    [Fact]
    public void Search_takes_seven_evaluations_at_the_default_width()
    {
        IReadOnlyList<AlphaEvaluation> evaluations = AlphaSearch.Run(a => new AlphaEvaluation(a, a >= 0.17, 0, [1.5], [1]), 0.01);

        Assert.Equal([0.5, 0.25, 0.125, 0.1875, 0.15625, 0.171875, 0.1640625], evaluations.Select(e => e.Alpha));
        Assert.Equal(0.171875, AlphaSearch.Choose(evaluations, strict: false)!.Alpha);
        Assert.Equal(0.1640625, AlphaSearch.Choose(evaluations, strict: true)!.Alpha);
    }

    [Fact]
    public void Budget_stops_at_the_first_layer_whose_forecast_meets_it()
    {
        Budget budget = new(0.5, 4, 8, 16, Strict: false);
        SamplePass pass = new() { Deleted = [8, 1, 1, 1] };

        AlphaEvaluation evaluation = budget.Evaluate(0.5, [pass], [10], 10);

        Assert.True(evaluation.Reached);
        Assert.Equal(1, evaluation.StoppedAt);
        Assert.Equal([8, 0, 0, 0], evaluation.Counts);
        Assert.Equal([1.0, ReferenceFlops.Pruned([8, 0, 0, 0], 10, 8, 16) / (double)ReferenceFlops.Unpruned(10, 4, 8, 16), -1, -1], evaluation.Forecast);
    }

    [Fact]
    public void Last_layers_saving_counts_unless_strict()
    {
        double saved = 1 - (ReferenceFlops.Pruned([0, 9], 10, 8, 16) / (double)ReferenceFlops.Unpruned(10, 2, 8, 16));
        SamplePass pass = new() { Deleted = [0, 9] };

        Assert.True(new Budget(saved - 1e-9, 2, 8, 16, Strict: false).Evaluate(0.5, [pass], [10], 10).Reached);
        Assert.False(new Budget(saved - 1e-9, 2, 8, 16, Strict: true).Evaluate(0.5, [pass], [10], 10).Reached);
    }

    [Fact]
    public void Statistics_are_the_mean_attention_of_a_row_on_all_visual_tokens()
    {
        using TestFiles files = new();
        ToyCalibration model = new(files.Folder, layers: 3, samples: 1);
        float[,,] map = model.Decode(0).Map(0);
        using StatisticsReducer reducer = new(3, HeadReduction.Max);

        model.RunPrefill(0, reducer, CancellationToken.None);
        SampleStatistics statistics = reducer.Take("x");

        double Head(int i, int j) => Math.Max(map[0, i, j], map[1, i, j]);
        double cross = Enumerable.Range(15, 5).Sum(i => Enumerable.Range(3, 12).Sum(j => Head(i, j))) / 5;
        double self = Enumerable.Range(3, 12).Sum(i => Enumerable.Range(3, 12).Sum(j => Head(i, j))) / 12;
        Assert.Equal((3, 12, 5), (statistics.Prefix, statistics.VisualTokens, statistics.TextAfter));
        Assert.Equal(cross, statistics.Cross[0], 1e-5);
        Assert.Equal(self, statistics.Self[0], 1e-5);
    }

    [Fact]
    public void Deletions_in_the_first_layer_grow_with_alpha()
    {
        using TestFiles files = new();
        ToyCalibration model = new(files.Folder, layers: 2, samples: 1);
        using StatisticsReducer measure = new(2, HeadReduction.Max);
        model.RunPrefill(0, measure, CancellationToken.None);
        SampleStatistics statistics = measure.Take("x");

        int[] deleted = [.. Enumerable.Range(0, 11).Select(i =>
        {
            using ThresholdReducer reducer = new(statistics, i / 10.0, HeadReduction.Max);
            model.RunPrefill(0, reducer, CancellationToken.None);
            return reducer.Take(0).Deleted[0];
        })];

        Assert.Equal(deleted.Order(), deleted);
        Assert.Equal(0, deleted[0]);
        Assert.InRange(deleted[10], 10, 11); // each threshold keeps its one largest token
    }

    [Fact]
    public void A_fitted_recipe_meets_its_target_about_and_is_found_beside_the_model()
    {
        using TestFiles files = new();
        ToyCalibration model = new(files.Folder, layers: 6, samples: 4);

        CalibrationResult result = new FitPruneFactory()
            .Calibrate(model, TestFiles.Json("""{"TargetReduction":0.5,"ExactBudget":true}"""), null, CancellationToken.None);
        Recipe recipe = RecipeLookup.Find(new FitPruneOptions { Reduction = 0.5 }, model.Decoder, files);

        Assert.Equal("calibrated", recipe.Source);
        Assert.Equal(12, recipe.BaseVisualTokens);
        Assert.Equal(4, recipe.Samples);
        Assert.InRange(recipe.RealisedReduction, 0.5, 0.65);
        Assert.Equal(result.Files[0], Path.Combine(files.Folder, "fitprune", "50.fitprune.json"));
        Assert.True(File.Exists(result.Files[1]));
    }

    [Fact]
    public void Interrupted_work_goes_on_where_it_stopped_with_the_same_result()
    {
        using TestFiles whole = new();
        using TestFiles parts = new();
        string options = """{"TargetReduction":0.4}""";
        ToyCalibration uninterrupted = new(whole.Folder, layers: 5, samples: 3);
        new FitPruneFactory().Calibrate(uninterrupted, TestFiles.Json(options), null, CancellationToken.None);
        Recipe expected = RecipeFile.Read(Path.Combine(whole.Folder, "fitprune", "40.fitprune.json"));
        ToyCalibration interrupted = new(parts.Folder, layers: 5, samples: 3);
        int rounds = 0;
        int runs = 0;
        bool done = false;
        while (!done)
        {
            using CancellationTokenSource stop = new();
            interrupted.OnRun = () =>
            {
                if (++runs % 4 == 0)
                {
                    stop.Cancel();
                }
            };
            rounds++;
            try
            {
                new FitPruneFactory().Calibrate(interrupted, TestFiles.Json(options), null, stop.Token);
                done = true;
            }
            catch (OperationCanceledException)
            {
                Assert.InRange(rounds, 1, 40);
            }
        }

        Recipe recipe = RecipeFile.Read(Path.Combine(parts.Folder, "fitprune", "40.fitprune.json"));
        Assert.True(rounds > 3);
        Assert.Equal(expected.Delete, recipe.Delete);
        Assert.Equal(expected.Alpha, recipe.Alpha);
        Assert.Equal(uninterrupted.Runs + rounds - 1, interrupted.Runs); // each later round measures the first sample again
    }

    [Fact]
    public void Another_target_reuses_the_statistics_and_every_alpha_already_tried()
    {
        using TestFiles files = new();
        ToyCalibration model = new(files.Folder, layers: 5, samples: 3);
        new FitPruneFactory().Calibrate(model, TestFiles.Json("""{"TargetReduction":0.4}"""), null, CancellationToken.None);
        int first = model.Runs;

        new FitPruneFactory().Calibrate(model, TestFiles.Json("""{"TargetReduction":0.4,"Strict":true}"""), null, CancellationToken.None);

        Assert.Equal(3 + (7 * 3), first);
        Assert.InRange(model.Runs - first, 1, 1 + (6 * 3)); // the first sample again, and alphas at which strictness turned the search
    }

    [Fact]
    public void Statistics_of_another_checkpoint_are_refused()
    {
        using TestFiles files = new();
        new FitPruneFactory().Calibrate(new ToyCalibration(files.Folder, 3, 2), default, null, CancellationToken.None);

        ApertureException error = Assert.Throws<ApertureException>(() =>
            new FitPruneFactory().Calibrate(new ToyCalibration(files.Folder, 3, 2) { Seed = 77 }, default, null, CancellationToken.None));

        Assert.Contains("was measured on another checkpoint; delete it", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"TargetReduction":1}""", "TargetReduction is 1")]
    [InlineData("""{"TargetReduction":0}""", "TargetReduction is 0")]
    [InlineData("""{"Epsilon":0}""", "Epsilon is 0")]
    [InlineData("""{"Samples":0}""", "Samples is 0")]
    [InlineData("""{"HeadReduce":"median"}""", "HeadReduce is 'median'")]
    [InlineData("""{"TargetReduction":0.99}""", "no alpha saves 99 % of this model's visual FLOPs; ask for less.")]
    public void Wrong_calibration_options_are_refused_in_one_line(string options, string message)
    {
        using TestFiles files = new();
        ToyCalibration model = new(files.Folder, layers: 2, samples: 1);

        ApertureException error = Assert.Throws<ApertureException>(
            () => new FitPruneFactory().Calibrate(model, TestFiles.Json(options), null, CancellationToken.None));

        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{")]
    [InlineData("null")]
    [InlineData(
        """{"format":"fitprune-statistics","version":1,"layers":2,"samples":[{"id":"s0","visualTokens":5,"textAfter":2,"cross":[1],"self":[1,2]}],"passes":[]}""")]
    [InlineData(
        """{"format":"fitprune-statistics","version":1,"layers":1,"samples":[],"passes":[{"sample":0,"alpha":0.5,"deleted":[1],"crossAllowed":[1],"selfAllowed":[1]}]}""")]
    public void Damaged_statistics_are_refused(string content)
    {
        using TestFiles files = new();
        files.Write("fitprune/calibration.fitstats.json", content);

        ApertureException error = Assert.Throws<ApertureException>(() =>
            new FitPruneFactory().Calibrate(new ToyCalibration(files.Folder, 2, 1), default, null, CancellationToken.None));

        Assert.Contains("'calibration.fitstats.json' holds no calibration statistics", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_sample_without_an_image_is_refused_by_name()
    {
        using TestFiles files = new();
        ToyCalibration model = new(files.Folder, 2, 1) { Prompts = _ => SequenceLayout.Create([new Span(SpanKind.Text, 6)]) };

        ApertureException error = Assert.Throws<ApertureException>(() => new FitPruneFactory().Calibrate(model, default, null, CancellationToken.None));

        Assert.Contains("sample 's0' has no image", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Progress_is_reported_after_every_forward()
    {
        using TestFiles files = new();
        ToyCalibration model = new(files.Folder, layers: 3, samples: 2);
        ProgressLog progress = new();

        new FitPruneFactory().Calibrate(model, TestFiles.Json("""{"TargetReduction":0.3}"""), progress, CancellationToken.None);

        Assert.Equal(model.Runs, progress.Seen.Count);
        Assert.Equal(new CalibrationProgress("measuring attention", 1, 2), progress.Seen[0]);
        Assert.Equal(new CalibrationProgress("trying alpha 0.5", 2, 2), progress.Seen[3]);
    }

    private sealed class ProgressLog : IProgress<CalibrationProgress>
    {
        public List<CalibrationProgress> Seen { get; } = [];

        public void Report(CalibrationProgress value) => Seen.Add(value);
    }

    private sealed class ToyCalibration(string folder, int layers, int samples) : ICalibrationModel
    {
        public int Seed { get; init; } = 40;

        public Func<int, SequenceLayout> Prompts { get; init; } = _ => ToyDecoder.Prompt(3, 12, 5);

        public Action OnRun { get; set; } = () => { };

        public int Runs { get; private set; }

        public DecoderInfo Decoder => Decode(0).Decoder;

        public int Samples => samples;

        public string OutputFolder => folder;

        public string SampleId(int sample) => $"s{sample}";

        public void RunPrefill(int sample, ITokenReducer reducer, CancellationToken cancellationToken)
        {
            Runs++;
            Decode(sample).Run(reducer);
            OnRun();
        }

        public ToyDecoder Decode(int sample) => new(layers, 2, Seed + sample, Prompts(sample)) { Listening = false };
    }
}
