using Aperture.Decoding;
using Aperture.Sequences;
using CsCheck;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.FitPrune.Tests;

public sealed class ReducerTests
{
    private static FitPruneReducer Reducer(int[] delete, FitPruneOptions? options = null, int baseTokens = 0)
        => new(new Recipe { Layers = delete.Length, Delete = delete, BaseVisualTokens = baseTokens }, options ?? new FitPruneOptions());

    [Fact]
    public void The_lowest_products_go_and_all_other_rows_stay_in_order()
    {
        ToyDecoder decoder = new(layers: 2, heads: 3, seed: 1, ToyDecoder.Prompt(3, 12, 4));
        using FitPruneReducer reducer = Reducer([5, 0]);
        float[] expected = Products(new ToyDecoder(2, 3, 1, ToyDecoder.Prompt(3, 12, 4)).Map(0), 3, 12);
        int[] kept = [.. expected.Select((score, j) => (score, j)).OrderBy(p => p.score).Skip(5).Select(p => p.j + 3).Order()];

        List<SequenceLayout[]> layouts = decoder.Run(reducer);

        Assert.Equal([0, 1, 2, .. kept, 15, 16, 17, 18], layouts[0][0].Original.ToArray());
        Assert.Equal(layouts[0][0].Original.ToArray(), layouts[1][0].Original.ToArray());
        Assert.Equal(layouts[0][0].Original.ToArray(), layouts[0][0].Positions.ToArray());
    }

    [Fact]
    public void Attention_is_asked_for_once_in_layers_that_prune_and_nowhere_else()
    {
        ToyDecoder decoder = new(layers: 5, heads: 2, seed: 2, ToyDecoder.Prompt(2, 10, 3));
        using FitPruneReducer reducer = Reducer([0, 2, 0, 1, 0]);

        decoder.Run(reducer);

        Assert.Equal([1, 3], decoder.Asked);
        Assert.Equal([1, 3], decoder.HookedLayers.Order());
    }

    [Fact]
    public void A_zero_recipe_touches_no_layer()
    {
        ToyDecoder decoder = new(layers: 3, heads: 2, seed: 2, ToyDecoder.Prompt(2, 10, 3));
        using FitPruneReducer reducer = Reducer([0, 0, 0]);

        decoder.Run(reducer);

        Assert.Empty(decoder.HookedLayers);
    }

    [Fact]
    public void Text_only_prompts_are_left_alone()
    {
        SequenceLayout text = SequenceLayout.Create([new Span(SpanKind.Text, 9)]);
        ToyDecoder decoder = new(layers: 2, heads: 2, seed: 3, text);
        using FitPruneReducer reducer = Reducer([4, 4]);

        List<SequenceLayout[]> layouts = decoder.Run(reducer);

        Assert.Equal(9, layouts[1][0].Count);
        Assert.Empty(decoder.Asked);
    }

    [Fact]
    public void Kept_counts_follow_the_recipe_whatever_it_says()
        => Gen.Select(Gen.Int[0, 4], Gen.Int[1, 14], Gen.Int[1, 5], Gen.Int[0, 6].Array[3], Gen.Int[0, 1000]).Sample((prefix, visual, text, delete, seed) =>
        {
            ToyDecoder decoder = new(3, 2, seed, ToyDecoder.Prompt(prefix, visual, text));
            using FitPruneReducer reducer = Reducer(delete);
            List<SequenceLayout[]> layouts = decoder.Run(reducer);
            int left = visual;
            for (int l = 0; l < 3; l++)
            {
                SequenceLayout layout = layouts[l][0];
                left = Math.Max(left - delete[l], 0);
                int[] original = layout.Original.ToArray();
                int[] others = [.. Enumerable.Range(0, prefix).Concat(Enumerable.Range(prefix + visual, text))];
                if (layout.VisualCount != left
                    || others.Except(original).Any()
                    || !original.Order().SequenceEqual(original)
                    || !layout.Positions.SequenceEqual(original))
                {
                    return false;
                }
            }

            return true;
        }, iter: 60);

    [Fact]
    public void A_batch_gives_what_its_samples_give_alone()
    {
        SequenceLayout[] prompts = [ToyDecoder.Prompt(3, 12, 4), ToyDecoder.Prompt(1, 7, 9), SequenceLayout.Create([new Span(SpanKind.Text, 5)])];
        SequenceLayout wide = ToyDecoder.Prompt(30, 1, 1); // makes all decoders draw the same logits
        using FitPruneReducer batched = Reducer([3, 2, 0], baseTokens: 12);

        List<SequenceLayout[]> together = new ToyDecoder(3, 2, 5, [.. prompts, wide]).Run(batched);

        for (int s = 0; s < prompts.Length; s++)
        {
            using FitPruneReducer alone = Reducer([3, 2, 0], baseTokens: 12);
            List<SequenceLayout[]> single = new ToyDecoder(3, 2, 5, prompts[s], wide).Run(alone);
            for (int l = 0; l < 3; l++)
            {
                Assert.Equal(single[l][0].Original.ToArray(), together[l][s].Original.ToArray());
            }
        }
    }

    [Theory]
    [InlineData(true, 20, 6)]
    [InlineData(false, 20, 3)]
    [InlineData(true, 9, 2)]
    public void Recipes_scale_to_the_samples_visual_tokens(bool scale, int visual, int deleted)
    {
        ToyDecoder decoder = new(layers: 1, heads: 2, seed: 6, ToyDecoder.Prompt(2, visual, 3));
        using FitPruneReducer reducer = Reducer([3], new FitPruneOptions { ScaleToTokens = scale }, baseTokens: 10);

        Assert.Equal(visual - deleted, decoder.Run(reducer)[0][0].VisualCount);
    }

    [Fact]
    public void MinVisualTokens_caps_the_deletions()
    {
        ToyDecoder decoder = new(layers: 2, heads: 2, seed: 7, ToyDecoder.Prompt(2, 10, 3));
        using FitPruneReducer reducer = Reducer([4, 5], new FitPruneOptions { MinVisualTokens = 4 });

        List<SequenceLayout[]> layouts = decoder.Run(reducer);

        Assert.Equal([6, 4], layouts.Select(l => l[0].VisualCount));
    }

    [Fact]
    public void Several_images_are_one_set_and_text_between_them_counts_for_the_first()
    {
        SequenceLayout prompt = SequenceLayout.Create(
        [
            new Span(SpanKind.System, 2),
            new Span(SpanKind.Image, 4) { Image = 0, Grid = new VisualGrid(2, 2) },
            new Span(SpanKind.Text, 3),
            new Span(SpanKind.Image, 5) { Image = 1, Grid = new VisualGrid(1, 5) },
            new Span(SpanKind.Text, 2),
        ]);
        ToyDecoder decoder = new(layers: 1, heads: 2, seed: 8, prompt);
        float[,,] map = new ToyDecoder(1, 2, 8, prompt).Map(0);
        using FitPruneReducer reducer = Reducer([3]);

        List<SequenceLayout[]> layouts = decoder.Run(reducer);

        int[] visual = [2, 3, 4, 5, 9, 10, 11, 12, 13];
        int[] text = [6, 7, 8, 14, 15];
        float Head(int i, int j) => Math.Max(map[0, i, j], map[1, i, j]);
        float[] cross = [.. visual.Select(j => text.Sum(i => Head(i, j)))];
        float[] self = [.. visual.Select(j => visual.Sum(i => Head(i, j)) / 9)];
        AssertClose(cross, decoder.Values[(0, 0, "fitprune.cross")]);
        AssertClose(self, decoder.Values[(0, 0, "fitprune.self")]);
        int[] deleted = [.. cross.Zip(self, (c, s) => c * s).Zip(visual).OrderBy(p => p.First).Take(3).Select(p => p.Second).Order()];
        Assert.Equal(deleted, Enumerable.Range(0, 16).Except(layouts[0][0].Original.ToArray()));
    }

    [Theory]
    [InlineData("cross-only")]
    [InlineData("self-only")]
    [InlineData("sum")]
    [InlineData("product")]
    public void Score_modes_combine_the_two_sums(string mode)
    {
        ToyDecoder decoder = new(layers: 1, heads: 2, seed: 9, ToyDecoder.Prompt(2, 10, 4));
        using FitPruneReducer reducer = Reducer([3], new FitPruneOptions { ScoreMode = mode, HeadReduce = "mean" });

        decoder.Run(reducer);

        float[] cross = decoder.Values[(0, 0, "fitprune.cross")];
        float[] self = decoder.Values[(0, 0, "fitprune.self")];
        float[] expected = mode switch
        {
            "cross-only" => cross,
            "self-only" => self,
            "sum" => [.. cross.Zip(self, (c, s) => (c / 4) + s)],
            _ => [.. cross.Zip(self, (c, s) => c * s)],
        };
        AssertClose(expected, decoder.Values[(0, 0, "fitprune.score")]);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(128)]
    public void Half_precision_scores_round_where_the_official_run_does(int rowBlock)
    {
        ToyDecoder decoder = new(layers: 1, heads: 2, seed: 10, ToyDecoder.Prompt(2, 10, 4));
        float[,,] map = new ToyDecoder(1, 2, 10, ToyDecoder.Prompt(2, 10, 4)).Map(0);
        using FitPruneReducer reducer = Reducer([3], new FitPruneOptions { ScoreDType = "compute", RowBlock = rowBlock });

        decoder.Run(reducer);

        static float Round(float value) => (float)(Half)value;
        float Head(int i, int j) => Math.Max(Round(map[0, i, j]), Round(map[1, i, j]));
        float[] self = [.. Enumerable.Range(2, 10).Select(j => Round(Enumerable.Range(2, 10).Sum(i => Round(Head(i, j) / 10))))];
        float[] cross = [.. Enumerable.Range(2, 10).Select(j => Round(Enumerable.Range(12, 4).Sum(i => Head(i, j))))];
        Assert.Equal(self, decoder.Values[(0, 0, "fitprune.self")]);
        Assert.Equal(cross, decoder.Values[(0, 0, "fitprune.cross")]);
        Assert.Equal(cross.Zip(self, (c, s) => Round(c * s)), decoder.Values[(0, 0, "fitprune.score")]);
    }

    [Fact]
    public void Cost_of_scoring_is_the_recomputed_attention_scores()
    {
        ToyDecoder decoder = new(layers: 2, heads: 2, seed: 11, ToyDecoder.Prompt(2, 10, 4));
        using FitPruneReducer reducer = Reducer([3, 1]);

        decoder.Run(reducer);

        Assert.Equal(((14 * 16) + (11 * 13)) * 2 * 8, decoder.Macs);
    }

    [Fact]
    public void Equal_scores_delete_the_earlier_token_first()
        => Assert.Equal([1, 3, 0], TokenScores.Lowest([2f, 1f, 2f, 1f, 2f], 3, stable: true));

    [Fact]
    public void Lowest_scores_match_a_stable_sort()
        => Gen.Select(Gen.Int[-3, 3].Select(i => i / 2f).Array[1, 40], Gen.Int[0, 40]).Sample((scores, wanted) =>
        {
            int count = Math.Min(wanted, scores.Length);
            int[] expected = [.. Enumerable.Range(0, scores.Length).OrderBy(j => scores[j]).Take(count)];
            return TokenScores.Lowest(scores, count, stable: true).SequenceEqual(expected)
                && TokenScores.Lowest(scores, count, stable: false).Select(j => scores[j]).SequenceEqual(expected.Select(j => scores[j]));
        }, iter: 300);

    [Fact]
    public void Not_a_number_goes_last()
        => Assert.Equal([2, 0, 1], TokenScores.Lowest([float.PositiveInfinity, float.NaN, 1f], 3, stable: true));

    [Fact]
    public void State_follows_beams()
    {
        using FitPruneState state = new(2);
        state.Delete[0] = [1];
        state.Delete[1] = [2];

        state.Select([1, 1, 0]);

        Assert.Equal([2, 2, 1], state.Delete.Select(d => d[0]));
    }

    [Fact]
    public void No_tensor_is_left_behind()
    {
        foreach (string dtype in new[] { "fp32", "compute" })
        {
            ToyDecoder decoder = new(layers: 2, heads: 2, seed: 12, ToyDecoder.Prompt(2, 10, 4)) { Listening = dtype == "fp32" };
            using FitPruneReducer reducer = Reducer([3, 20], new FitPruneOptions { ScoreDType = dtype });
            long before = LiveTensors.Settled();

            decoder.Run(reducer);

            Assert.Equal(before, Tensor.TotalCount);
        }
    }

    private static float[] Products(float[,,] map, int prefix, int visual)
    {
        int heads = map.GetLength(0);
        int rows = map.GetLength(1);
        float Head(int i, int j) => Enumerable.Range(0, heads).Max(h => map[h, i, j]);
        return [.. Enumerable.Range(prefix, visual).Select(j =>
            Enumerable.Range(prefix, visual).Sum(i => Head(i, j)) / visual * Enumerable.Range(prefix + visual, rows - prefix - visual).Sum(i => Head(i, j)))];
    }

    private static void AssertClose(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.InRange(actual[i], expected[i] - 1e-5f, expected[i] + 1e-5f);
        }
    }
}
