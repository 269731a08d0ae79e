using Aperture.Decoding;
using Aperture.Measuring;
using Aperture.Scheduling;
using Aperture.Sequences;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.FitPrune.Tests;

/// <summary>FitPrune in the product's decoder.</summary>
public sealed class EngineTests
{
    private static readonly SequenceLayout _prompt = ToyDecoder.Prompt(4, 20, 6);

    private static FitPruneReducer Reducer(params int[] delete) => new(new Recipe { Layers = delete.Length, Delete = delete }, new FitPruneOptions());

    [Fact]
    public void A_zero_recipe_gives_the_unpruned_models_bits()
    {
        using SmallModel model = new();
        using Tensor rows = model.Rows(_prompt, 1);
        using FitPruneReducer reducer = Reducer(0, 0, 0, 0);

        (Tensor with, _) = model.Prefill([_prompt], [rows], reducer);
        (Tensor without, _) = model.Prefill([_prompt], [rows], null);

        AssertSameBits(without, with);
    }

    [Fact]
    public void A_text_only_prompt_gives_the_unpruned_models_bits()
    {
        using SmallModel model = new();
        SequenceLayout text = SequenceLayout.Create([new Span(SpanKind.Text, 15)]);
        using Tensor rows = model.Rows(text, 2);
        using FitPruneReducer reducer = Reducer(5, 5, 5, 5);

        (Tensor with, _) = model.Prefill([text], [rows], reducer);
        (Tensor without, _) = model.Prefill([text], [rows], null);

        AssertSameBits(without, with);
    }

    [Theory]
    [InlineData(new[] { 4, 0, 7, 2 })]
    [InlineData(new[] { 20, 0, 0, 0 })]
    [InlineData(new[] { 0, 19, 3, 0 })]
    [InlineData(new[] { 3, 3, 3, 3 })]
    [InlineData(new[] { 0, 0, 5, 0 })]
    public void Dropping_rows_equals_masking_them_in_the_layers_behind(int[] delete)
    {
        using SmallModel model = new();
        using Tensor rows = model.Rows(_prompt, 3);
        using FitPruneReducer reducer = Reducer(delete);
        WorkCounter counter = new();

        (Tensor pruned, SequenceLayout[] layouts) = model.Prefill([_prompt], [rows], reducer, counter);

        List<HashSet<int>> alive = [[.. Enumerable.Range(0, _prompt.Count)], .. counter.LayoutsOf(0).SkipLast(1).Select(l => l.Original.ToArray().ToHashSet())];
        using Tensor masked = new MaskedDecoder(model).Run(rows, alive);
        using Tensor index = tensor([.. layouts[0].Original.ToArray().Select(row => (long)row)]);
        using Tensor survivors = masked.index_select(0, index);
        Assert.Equal(Math.Max(20 - delete.Sum(), 0), layouts[0].VisualCount);
        AssertClose(survivors, pruned, 1e-4);
        pruned.Dispose();
    }

    [Fact]
    public void Caches_hold_what_entered_each_layer()
    {
        using SmallModel model = new();
        using Tensor rows = model.Rows(_prompt, 4);
        using FitPruneReducer reducer = Reducer(4, 0, 7, 2);
        WorkCounter counter = new();

        (Tensor pruned, _) = model.Prefill([_prompt], [rows], reducer, counter);
        pruned.Dispose();

        Assert.Equal([30, 26, 26, 19], counter.Work.Select(w => w.Work.CacheRows));
        Assert.Equal([30, 26, 26, 19], counter.Work.Select(w => w.Work.AttentionRows));
        Assert.Equal([26, 26, 19, 17], counter.Work.Select(w => w.Work.FeedForwardRows));
        Assert.Equal([16, 16, 9, 7], counter.VisualTokens);
    }

    [Fact]
    public void Counted_work_is_the_reference_formula_for_the_whole_prompt()
    {
        using SmallModel model = new(layers: 4, heads: 4, keyValueHeads: 2);
        using Tensor rows = model.Rows(_prompt, 5);
        using FitPruneReducer reducer = Reducer(4, 0, 7, 2);
        WorkCounter counter = new();

        model.Prefill([_prompt], [rows], reducer, counter).Rows.Dispose();

        Assert.Equal(ReferenceFlops.Pruned([4, 0, 7, 2], 20, 32, 44, otherTokens: 10, keyValueWidth: 16), counter.DecoderMacs(model.Decoder.Info));
        Assert.Equal((26 * 30 * 32) + (22 * 26 * 32) + (15 * 19 * 32), counter.OwnMacs["fitprune"]); // layers 0, 2, 3: asked rows x keys x width
    }

    [Fact]
    public void A_ragged_batch_gives_what_its_samples_give_alone()
    {
        using SmallModel model = new();
        SequenceLayout[] prompts = [_prompt, ToyDecoder.Prompt(2, 20, 11), ToyDecoder.Prompt(1, 9, 3), SequenceLayout.Create([new Span(SpanKind.Text, 7)])];
        Tensor[] rows = [.. prompts.Select((p, i) => model.Rows(p, (ulong)(10 + i)))];
        using FitPruneReducer reducer = new(new Recipe { Layers = 4, Delete = [6, 2, 5, 0], BaseVisualTokens = 20 }, new FitPruneOptions());

        (Tensor together, SequenceLayout[] layouts) = model.Prefill(prompts, rows, reducer);

        Assert.Equal([7, 7, 5, 0], layouts.Select(l => l.VisualCount));
        int offset = 0;
        for (int s = 0; s < prompts.Length; s++)
        {
            (Tensor alone, SequenceLayout[] own) = model.Prefill([prompts[s]], [rows[s]], reducer);
            using Tensor part = together.narrow(0, offset, layouts[s].Count);
            Assert.Equal(own[0].Original.ToArray(), layouts[s].Original.ToArray());
            AssertClose(alone, part, 1e-5);
            offset += layouts[s].Count;
            alone.Dispose();
            rows[s].Dispose();
        }

        together.Dispose();
    }

    [Fact]
    public void Deleting_every_visual_token_in_layer_0_leaves_them_that_layers_attention_only()
    {
        using SmallModel model = new();
        using Tensor rows = model.Rows(_prompt, 6);
        using FitPruneReducer reducer = Reducer(20, 0, 0, 0);

        (Tensor pruned, SequenceLayout[] layouts) = model.Prefill([_prompt], [rows], reducer);

        int[] text = [0, 1, 2, 3, 24, 25, 26, 27, 28, 29];
        using Tensor masked = new MaskedDecoder(model).Run(rows, [[.. Enumerable.Range(0, 30)], [.. text], [.. text], [.. text]]);
        using Tensor index = tensor([.. text.Select(row => (long)row)]);
        using Tensor expected = masked.index_select(0, index);
        Assert.Equal(text, layouts[0].Original.ToArray());
        AssertClose(expected, pruned, 1e-4);
        pruned.Dispose();
    }

    [Theory]
    [InlineData("max")]
    [InlineData("mean")]
    public void Scores_from_column_sums_equal_scores_from_the_whole_map(string reduction)
    {
        using SmallModel model = new();
        using Tensor rows = model.Rows(_prompt, 7);
        using FitPruneReducer reducer = new(new Recipe { Layers = 4, Delete = [3, 2, 2, 1] }, new FitPruneOptions { HeadReduce = reduction });
        MapScores trace = new(reduction);

        model.Prefill([_prompt], [rows], reducer, trace).Rows.Dispose();

        Assert.Equal(4, trace.Scores.Count);
        foreach ((float[] fromMap, float[] fromSums) in trace.Scores)
        {
            for (int j = 0; j < fromMap.Length; j++)
            {
                Assert.InRange(fromSums[j], fromMap[j] - 1e-6f, fromMap[j] + 1e-6f);
            }
        }
    }

    [Fact]
    public void No_tensor_is_left_behind()
    {
        using SmallModel model = new();
        using Tensor rows = model.Rows(_prompt, 8);
        using FitPruneReducer reducer = Reducer(4, 0, 7, 30);
        model.Prefill([_prompt], [rows], reducer).Rows.Dispose();
        long before = LiveTensors.Settled();

        model.Prefill([_prompt], [rows], reducer).Rows.Dispose();

        Assert.Equal(before, Tensor.TotalCount);
    }

    private static void AssertSameBits(Tensor expected, Tensor actual)
    {
        using (expected)
        using (actual)
        {
            Assert.Equal(expected.data<float>().ToArray(), actual.data<float>().ToArray());
        }
    }

    private static void AssertClose(Tensor expected, Tensor actual, double tolerance)
    {
        Assert.Equal(expected.shape, actual.shape);
        using Tensor difference = expected.sub(actual);
        double largest = difference.abs().max().item<float>();
        double scale = expected.abs().max().item<float>();
        Assert.True(largest <= tolerance * scale, $"largest difference {largest}, scale {scale}");
    }

    /// <summary>Computes scores from the whole attention map beside those that the reducer reports.</summary>
    private sealed class MapScores(string reduction) : IDecoderTrace
    {
        private float[] _fromMap = [];

        public List<(float[] FromMap, float[] FromSums)> Scores { get; } = [];

        public bool WantsAttention(int layer) => true;

        public void LayerAttention(ILayerContext context, IAttentionStatistics statistics)
        {
            SequenceLayout layout = context.Layout(0);
            int[] visual = layout.VisualRows();
            float[] self = new float[visual.Length];
            float[] cross = new float[visual.Length];
            HashSet<int> text = [.. layout.TextRowsAfterImage()];
            statistics.RowBlocks(0, [.. Enumerable.Range(0, layout.Count)], (rows, block) =>
            {
                using DisposeScope scope = NewDisposeScope();
                Tensor map = reduction == "max" ? block.amax([0]) : block.mean([0]);
                float[] values = map.contiguous().data<float>().ToArray();
                for (int i = 0; i < rows.Length; i++)
                {
                    for (int j = 0; j < visual.Length; j++)
                    {
                        float value = values[(i * layout.Count) + visual[j]];
                        self[j] += visual.Contains(rows[i]) ? value / visual.Length : 0;
                        cross[j] += text.Contains(rows[i]) ? value : 0;
                    }
                }
            });
            _fromMap = [.. self.Zip(cross, (s, c) => s * c)];
        }

        public void Value(ILayerContext context, int sample, string name, Tensor value)
        {
            if (name == "fitprune.score")
            {
                Scores.Add((_fromMap, value.data<float>().ToArray()));
            }
        }
    }
}
