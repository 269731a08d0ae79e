using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Aperture.Measuring;
using Aperture.Plugins.FitPrune;
using Aperture.Plugins.FitPrune.Calibration;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.FitPrune;

/// <summary>Statistics of the un-pruned model and the search for a recipe, target by target over one statistics file.</summary>
public sealed partial class CalibrationRunner : IGoldenRunner
{
    public string Area => "fitprune";

    public string Kind => "calibration";

    public void Run(GoldenCase golden)
    {
        using CalibrationCase model = new(golden);
        CheckFlops(golden, model);
        foreach (JsonElement ratio in golden.Config.GetProperty("ratios").EnumerateArray())
        {
            double reduction = ratio.GetDouble();
            string key = $"r{Math.Round(reduction * 100)}";
            RecipeCalibration calibration = new(model, model.Options(reduction), progress: null);
            calibration.Run(CancellationToken.None);
            CalibrationStatistics measured = CalibrationStatistics.Read(model.StatisticsPath);
            CompareSearch(golden, key, calibration.Evaluations, RecipeFile.Read(model.RecipePath));
            CheckSmallestAlpha(golden, reduction, calibration.Evaluations);
            for (int i = 0; i < calibration.Evaluations.Count; i++)
            {
                CompareEvaluation(golden, $"mid.{key}.{i}", calibration.Evaluations[i], measured);
            }

            CompareVectors(golden, key, calibration.Evaluations, measured, model);
        }

        CalibrationStatistics statistics = CalibrationStatistics.Read(model.StatisticsPath);
        CompareStatistics(golden, "mid.Wc", statistics.Samples, sample => sample.Cross);
        CompareStatistics(golden, "mid.Ws", statistics.Samples, sample => sample.Self);
    }

    private static void CheckFlops(GoldenCase golden, CalibrationCase model)
    {
        int layers = model.Decoder.Layers;
        (int hidden, int intermediate) = (golden.Config.Int("flops_hidden"), golden.Config.Int("flops_intermediate"));
        Assert.Equal(
            golden.Config.GetProperty("origin_flops").GetInt64(), ReferenceFlops.Unpruned(golden.Config.Int("visual_tokens"), layers, hidden, intermediate));
        long[] counts = golden.Get("mid.rest_flops_n").data<long>().ToArray();
        golden.NotCompared("mid.rest_flops_n", "the arguments of mid.rest_flops");
        long[] rest = [.. from n in counts from layer in Enumerable.Range(0, layers) select ReferenceFlops.Rest(n, layer, layers, hidden, intermediate)];
        using Tensor actual = tensor(rest, [counts.Length, layers]);
        golden.CompareExact("mid.rest_flops", actual);
    }

    private static void CompareSearch(GoldenCase golden, string key, IReadOnlyList<AlphaEvaluation> evaluations, Recipe recipe)
    {
        using DisposeScope scope = NewDisposeScope();
        golden.Compare($"out.{key}.alphas", tensor([.. evaluations.Select(e => (float)e.Alpha)], [evaluations.Count]));
        golden.CompareExact($"out.{key}.reached", CaseNames.Whole(evaluations.Select(e => e.Reached ? 1 : 0)));
        golden.CompareExact($"out.{key}.schemes", CaseNames.Whole(evaluations.SelectMany(e => e.Counts), evaluations.Count, recipe.Layers));
        golden.CompareExact($"out.{key}.recipe", CaseNames.Whole(recipe.Delete));
    }

    private static void CheckSmallestAlpha(GoldenCase golden, double reduction, IReadOnlyList<AlphaEvaluation> evaluations)
    {
        if (!golden.Meta.TryGetProperty("results", out JsonElement results))
        {
            return;
        }

        JsonElement result = results.EnumerateArray().Single(r => Math.Abs(r.GetProperty("ratio").GetDouble() - reduction) < 1e-12);
        if (result.GetProperty("smallest_alpha_that_reached") is { ValueKind: JsonValueKind.Number } alpha)
        {
            AlphaEvaluation smallest = AlphaSearch.Choose(evaluations, strict: false)!;
            Assert.Equal(alpha.GetDouble(), smallest.Alpha);
            Assert.Equal(result.Ints("recipe_of_it"), smallest.Counts);
        }
    }

    private static void CompareEvaluation(GoldenCase golden, string prefix, AlphaEvaluation evaluation, CalibrationStatistics measured)
    {
        using DisposeScope scope = NewDisposeScope();
        int samples = measured.Samples.Count;
        List<int> table = [];
        for (int sample = 0; sample < samples; sample++)
        {
            SamplePass pass = measured.Passes.Single(p => p.Sample == sample && p.Alpha == evaluation.Alpha);
            int left = measured.Samples[sample].VisualTokens;
            for (int layer = 0; layer < measured.Layers; layer++)
            {
                table.AddRange(
                    layer < evaluation.StoppedAt ? [left, pass.CrossAllowed[layer], pass.SelfAllowed[layer], pass.Deleted[layer]] : [-1, -1, -1, -1]);
                left -= pass.Deleted[layer];
            }
        }

        golden.CompareExact($"{prefix}.left_dcross_dself_deleted", CaseNames.Whole(table, samples, measured.Layers, 4));
        golden.Compare($"{prefix}.forecast_over_origin", tensor([.. evaluation.Forecast.Select(f => (float)f)], [measured.Layers]));
    }

    private static void CompareVectors(
        GoldenCase golden, string key, IReadOnlyList<AlphaEvaluation> evaluations, CalibrationStatistics measured, CalibrationCase model)
    {
        Dictionary<(int Evaluation, int Sample), PruningTrace> traces = [];
        foreach (Match match in golden.Names.Select(name => Vector().Match(name)).Where(m => m.Success && m.Groups[1].Value == key))
        {
            int Number(int group) => int.Parse(match.Groups[group].ValueSpan, CultureInfo.InvariantCulture);
            (int evaluation, string what, int layer, int sample) = (Number(2), match.Groups[3].Value, Number(4), Number(5));
            if (!traces.TryGetValue((evaluation, sample), out PruningTrace? trace))
            {
                traces[(evaluation, sample)] = trace = model.Trace(sample, measured.Samples[sample], evaluations[evaluation].Alpha);
            }

            if (what == "deleted_rows")
            {
                int[] visual = [.. trace.Entering[layer].VisualRows().Select(row => trace.Entering[layer].Original[row])];
                long[] deleted = trace["fitprune.calibration.deleted", layer]!.data<long>().ToArray();
                using Tensor local = CaseNames.Whole(deleted.Select(row => Array.IndexOf(visual, (int)row)));
                golden.CompareExact(match.Value, local);
            }
            else
            {
                golden.Compare(match.Value, trace["fitprune.calibration." + what, layer]!);
            }
        }

        foreach (PruningTrace trace in traces.Values)
        {
            trace.Dispose();
        }
    }

    private static void CompareStatistics(GoldenCase golden, string name, List<SampleStatistics> samples, Func<SampleStatistics, double[]> values)
    {
        using Tensor actual = tensor([.. samples.SelectMany(values)], [samples.Count, values(samples[0]).Length]);
        golden.Compare(name, actual);
    }

    [GeneratedRegex(@"^mid\.(r\d+)\.(\d+)\.(cross|self|deleted_rows)\.(\d+)\.(\d+)$")]
    private static partial Regex Vector();
}
