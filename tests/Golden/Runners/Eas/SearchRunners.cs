using System.Text.Json;
using Aperture.Golden.Tests.FitPrune;
using Aperture.Plugins.Eas.Meter;
using Aperture.Plugins.Eas.Search;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.Eas;

/// <summary>LaVIN-EAS's search over scripted draws and losses.</summary>
public sealed class LavinSearchRunner : IGoldenRunner
{
    public string Area => "eas";

    public string Kind => "search_lavin";

    public void Run(GoldenCase golden) => RecordedSearch.Run(golden, SearchRule.Lavin(golden.Config.Int("K"), 0));
}

/// <summary>LLaVA-EAS's, with the rising number of arms during the warm-up.</summary>
public sealed class LlavaSearchRunner : IGoldenRunner
{
    public string Area => "eas";

    public string Kind => "search_llava";

    public void Run(GoldenCase golden)
    {
        RedundancySearch search = RecordedSearch.Run(golden, SearchRule.Llava(golden.Config.Int("K"), golden.Config.Int("warmup_steps")));
        golden.CompareExact("out.ramp_K", CaseNames.Whole(Enumerable.Range(1, (int)golden.Get("out.ramp_K").size(0)).Select(search.CountAt)));
    }
}

/// <summary>METER-EAS's, with the sub-layers that its arms stand for.</summary>
public sealed class MeterSearchRunner : IGoldenRunner
{
    // The list that stands in the published file.
    private static readonly int[] _committed = [13, 8, 17, 4, 6, 12, 23, 2, 1, 0];

    public string Area => "eas";

    public string Kind => "search_meter";

    public void Run(GoldenCase golden)
    {
        RecordedSearch.Run(golden, SearchRule.Meter(golden.Config.Int("K"), 0));
        int arms = golden.Config.Int("arms"), layers = arms / MeterPlan.Kinds;
        bool legacy = golden.Config.GetProperty("legacyArmMap").GetBoolean();
        byte[] Flags(params int[] chosen)
        {
            MeterPlan plan = MeterPlan.FromArms(chosen, layers, legacy);
            return
            [
                .. new[] { plan.TextSelf, plan.TextCross, plan.ImageSelf, plan.ImageCross }.SelectMany(kind => kind.Select(skipped => (byte)(skipped ? 1 : 0))),
            ];
        }

        using Tensor each = tensor([.. Enumerable.Range(0, arms).SelectMany(arm => Flags(arm))], [arms, MeterPlan.Kinds, layers]);
        golden.CompareExact("mid.arm_flags", each);
        Tensor sets = golden.Get("in.arm_sets"); // [updates, sets, K]
        int chosen = (int)sets.size(2);
        using Tensor evaluated = tensor(
            [.. sets.data<long>().ToArray().Chunk(chosen).SelectMany(set => Flags([.. set.Select(arm => (int)arm)]))], golden.Get("in.flags").shape);
        golden.CompareExact("in.flags", evaluated);
        using Tensor committed = tensor(Flags(_committed), [MeterPlan.Kinds, layers]);
        golden.CompareExact("out.committed_list_flags", committed);
    }
}

/// <summary>
/// Feeds recorded draws and losses to a search and compares the sets that it makes of them, scores and probabilities after every update, and the result.
/// </summary>
internal static class RecordedSearch
{
    public static RedundancySearch Run(GoldenCase golden, SearchRule rule)
    {
        JsonElement config = golden.Config;
        int arms = config.Int("arms");
        CheckRule(config, rule);
        RedundancySearch search = new(rule, arms);
        long[] draws = golden.Get("in.raw_draws").data<long>().ToArray(), sets = golden.Get("in.arm_sets").data<long>().ToArray();
        float[] losses = golden.Get("in.losses").data<float>().ToArray();
        int updates = (int)golden.Get("in.losses").size(0), drawsOfOne = draws.Length / updates, setsOfOne = rule.Sets * rule.Skipped;
        List<double> scores = [], probabilities = [];
        for (int update = 0; update < updates; update++)
        {
            int[][] drawn = search.DrawSets(new ScriptedSampler(draws[(update * drawsOfOne)..((update + 1) * drawsOfOne)]));
            Assert.Equal(sets[(update * setsOfOne)..((update + 1) * setsOfOne)], drawn.SelectMany(set => set.Select(arm => (long)arm)));
            search.Update(drawn, [.. losses[(update * rule.Sets)..((update + 1) * rule.Sets)].Select(loss => (double)loss)]);
            scores.AddRange(search.Scores);
            probabilities.AddRange(search.Probabilities());
        }

        using Tensor allScores = tensor([.. scores], [updates, arms]), allProbabilities = tensor([.. probabilities], [updates, arms]);
        golden.Compare("out.scores", allScores);
        golden.Compare("out.prob", allProbabilities);
        CompareSelection(golden, search, rule.Skipped);
        return search;
    }

    private static void CheckRule(JsonElement config, SearchRule rule)
    {
        Assert.Equal(config.Int("J"), rule.Sets);
        Assert.Equal(config.Int("T"), rule.Every);
        Assert.Equal(config.GetProperty("eta").GetDouble(), rule.Rate);
        Assert.Equal(config.GetProperty("probFn").GetString(), rule.Probability == ArmProbability.Softmax10 ? "softmax(10*S)" : "sigmoid(S)");
    }

    // Arms of equal score may change places: at each place the scores must be equal.
    private static void CompareSelection(GoldenCase golden, RedundancySearch search, int count)
    {
        int[] best = search.Best(count);
        long[] recorded = golden.Get("out.selected_ascending").data<long>().ToArray();
        Assert.Equal(count, recorded.Distinct().Count());
        for (int place = 0; place < count; place++)
        {
            Assert.Equal(search.Scores[(int)recorded[place]], search.Scores[best[count - 1 - place]], 1e-6);
        }

        golden.NotCompared("out.selected_ascending", "compared by score, because arms of equal score have no order");
    }

    private sealed class ScriptedSampler(long[] draws) : IArmSampler
    {
        private int _next;

        public int[] Draw(IReadOnlyList<double> weights, int count)
        {
            int[] drawn = [.. draws[_next..(_next + count)].Select(arm => (int)arm)];
            _next += count;
            Assert.DoesNotContain(-1, drawn);
            return drawn;
        }
    }
}
