using Aperture.Decoding;
using Aperture.Scheduling;
using Aperture.Sequences;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.GammaMod.Tests;

/// <summary>gamma-MoD in the product's decoder.</summary>
public sealed class EngineTests : IDisposable
{
    private static readonly SequenceLayout _prompt = RoutedModel.Prompt(4, 20, 6);
    private static readonly int[] _layers = [1, 2, 3], _ids = [5, 9, 13, 7];
    private readonly DisposeScope _scope = NewDisposeScope();
    private readonly RoutedModel _model = new();

    public void Dispose()
    {
        _model.Dispose();
        _scope.Dispose();
    }

    [Theory]
    [InlineData(new[] { 1, 2, 3 })]
    [InlineData(new[] { 0, 1, 2, 3, 4 })]
    public void Routers_that_keep_everything_give_the_plain_model(int[] layers)
    {
        using GammaModRouter router = RoutedModel.Router(RoutedModel.ConstantRouter(5000), layers);
        Tensor rows = RoutedModel.Rows(_prompt, 1);

        AssertClose(_model.Run([_prompt], [rows], [], ids: _ids), _model.Run([_prompt], [rows], [router], ids: _ids), 1e-5);
    }

    [Fact]
    public void Without_weights_and_threshold_every_row_runs_as_in_the_plain_model()
    {
        using GammaModRouter router = RoutedModel.Router(
            RoutedModel.RandomRouter(0.5), _layers, new GammaModOptions { WeightMlp = false, PrefillThreshold = 0, DecodeThreshold = 0 });
        Tensor rows = RoutedModel.Rows(_prompt, 1);

        AssertClose(_model.Run([_prompt], [rows], [], ids: _ids), _model.Run([_prompt], [rows], [router], ids: _ids), 1e-5);
    }

    [Fact]
    public void Routers_that_keep_nothing_leave_the_layers_out_and_their_caches_empty()
    {
        using GammaModRouter router = RoutedModel.Router(RoutedModel.ConstantRouter(-5000), _layers);
        Tensor rows = RoutedModel.Rows(_prompt, 2);
        int[] lengths = [];

        float[][][] skipped = _model.Run(
            [_prompt], [rows], [router], ids: _ids, look: cache => lengths = [.. Enumerable.Range(0, 5).Select(layer => cache.Length(layer, 0))]);

        Assert.Equal([34, 0, 0, 0, 34], lengths);
        using IDisposable grad = no_grad();
        using RequestContext request = new(_model.Decoder.Info, [_prompt], null, null, null);
        using ForwardState state = _model.Decoder.Begin(request, DecoderPhase.Prefill, [_prompt]);
        Tensor half = _model.Decoder.RunLayers(state, rows.clone(), 0, 1, CancellationToken.None);
        Tensor without = _model.Decoder.LastLogits(state, _model.Decoder.RunLayers(state, half, 4, 5, CancellationToken.None));
        AssertClose([[without[0].data<float>().ToArray()]], [skipped[0]], 1e-6);
    }

    [Fact]
    public void A_batch_gives_what_its_samples_give_alone()
    {
        using GammaModRouter router = RoutedModel.Router(RoutedModel.RandomRouter(), _layers);
        SequenceLayout[] prompts = [_prompt, RoutedModel.Prompt(3, 9, 11), RoutedModel.Prompt(6, 30, 2)];
        Tensor[] rows = [.. prompts.Select((prompt, sample) => RoutedModel.Rows(prompt, (ulong)sample + 5))];
        Selections together = new();

        float[][][] batch = _model.Run(prompts, rows, [router], together, _ids);

        for (int sample = 0; sample < prompts.Length; sample++)
        {
            Selections alone = new();
            float[][][] own = _model.Run([prompts[sample]], [rows[sample]], [router], alone, _ids);
            AssertClose(own, [.. batch.Select(step => new[] { step[sample] })], 1e-4);
            Assert.Equal(
                alone.Chosen.Select(c => (c.Layer, string.Join(",", c.Rows))),
                together.Chosen.Where(c => c.Sample == sample).Select(c => (c.Layer, string.Join(",", c.Rows))));
        }

        Assert.Contains(together.Chosen, c => c.Phase == DecoderPhase.Decode && c.Rows.Length == 0);
        Assert.Contains(together.Chosen, c => c.Phase == DecoderPhase.Decode && c.Rows.Length == 1);
    }

    [Fact]
    public void Caches_hold_the_rows_that_ran()
    {
        using GammaModRouter router = RoutedModel.Router(RoutedModel.RandomRouter(), _layers);
        Selections trace = new();
        int[] lengths = [];

        _model.Run(
            [_prompt], [RoutedModel.Rows(_prompt, 3)], [router], trace, _ids, cache
                => lengths = [.. Enumerable.Range(0, 5).Select(layer => cache.Length(layer, 0))]);

        foreach (int layer in _layers)
        {
            Assert.Equal(trace.Chosen.Where(c => c.Layer == layer).Sum(c => c.Rows.Length), lengths[layer]);
            Assert.InRange(trace.Prefill(layer, 0).Length, 1, _prompt.Count - 1);
        }

        Assert.Equal([34, 34], new[] { lengths[0], lengths[4] });
        Assert.Equal(trace.Work.Take(5).Select(work => work.CacheRows), trace.Work.Take(5).Select(work => work.AttentionRows));
        Assert.Equal(trace.Prefill(2, 0).Length, trace.Work[2].FeedForwardRows);
        Assert.Equal(trace.Prefill(2, 0), trace.Work[2].Computed.Original.ToArray());
        Assert.Equal((30, 30), (trace.Work[2].Layout.Count, trace.Work[4].Computed.Count));
    }

    [Fact]
    public void Rows_that_skip_do_not_reach_those_that_run()
    {
        using RoutedModel one = new(layers: 1);
        using GammaModRouter router = RoutedModel.Router(RoutedModel.RandomRouter(), [0], new GammaModOptions { ForceTokens = "last" });
        Tensor rows = RoutedModel.Rows(_prompt, 4), changed = rows.clone();
        Selections trace = new();
        float[][][] before = one.Run([_prompt], [rows], [router], trace);
        int[] skipped = [.. Enumerable.Range(0, _prompt.Count).Except(trace.Prefill(0, 0))];
        Assert.True(skipped.Length > 1);
        changed.index_copy_(
            0, tensor(skipped.Select(row => (long)row).ToArray()), rows.index_select(0, tensor(skipped.Reverse().Select(row => (long)row).ToArray())));

        AssertClose(before, one.Run([_prompt], [changed], [router]), 0);
    }

    [Theory]
    [InlineData(0.0, 4)]
    [InlineData(1.0, 0)]
    public void The_decode_threshold_decides_for_generated_tokens(double threshold, int ran)
    {
        using GammaModRouter router = RoutedModel.Router(RoutedModel.RandomRouter(1), [2], new GammaModOptions { DecodeThreshold = threshold });
        Selections trace = new();

        _model.Run([_prompt], [RoutedModel.Rows(_prompt, 6)], [router], trace, _ids);

        Assert.Equal(ran, trace.Chosen.Where(c => c.Phase == DecoderPhase.Decode).Sum(c => c.Rows.Length));
    }

    [Fact]
    public void Absolute_positions_differ_from_compact_ones_only_where_rows_skipped()
    {
        Tensor rows = RoutedModel.Rows(_prompt, 7);
        float[][][] Run(Tensor weight, string policy)
        {
            using GammaModRouter router = RoutedModel.Router(weight, _layers, new GammaModOptions { PositionPolicy = policy, DecodeThreshold = 0 });
            return _model.Run([_prompt], [rows], [router], ids: _ids);
        }

        Tensor keep = RoutedModel.ConstantRouter(5000), some = RoutedModel.RandomRouter();
        AssertClose(Run(keep, "Compact"), Run(keep, "AbsoluteGlobal"), 0);
        Assert.True(Difference(Run(some, "Compact")[1..], Run(some, "absoluteglobal")[1..]) > 1e-3);
        Assert.Equal(0, Difference(Run(some, "Compact")[..1], Run(some, "AbsoluteGlobal")[..1]));
    }

    [Fact]
    public void A_share_runs_the_rows_of_highest_probability()
    {
        using GammaModRouter router = RoutedModel.Router(RoutedModel.RandomRouter(), [2], new GammaModOptions { TopKRatio = 0.25, ForceTokens = "last" });
        Selections trace = new();

        _model.Run([_prompt], [RoutedModel.Rows(_prompt, 8)], [router], trace);

        float[] values = Assert.Single(trace.Probabilities).Values;
        int[] expected = [.. Enumerable.Range(0, 29).OrderByDescending(row => values[row]).Take(7).Append(29).Order()]; // ceil(30 / 4) = 8, the last row forced
        Assert.Equal(expected, trace.Prefill(2, 0));
    }

    [Fact]
    public void The_question_can_be_made_to_run()
    {
        using GammaModRouter router = RoutedModel.Router(RoutedModel.ConstantRouter(-5000), [2], new GammaModOptions { ForceTokens = "question" });
        Selections trace = new();

        _model.Run([_prompt], [RoutedModel.Rows(_prompt, 9)], [router], trace);

        Assert.Equal([24, 25, 26, 27, 28, 29], trace.Prefill(2, 0));
    }

    [Fact]
    public void The_papers_weighting_of_attention_is_another_result()
    {
        Tensor rows = RoutedModel.Rows(_prompt, 10), weight = RoutedModel.RandomRouter(1);
        using GammaModRouter code = RoutedModel.Router(weight, _layers), paper = RoutedModel.Router(
            weight, _layers, new GammaModOptions { WeightAttention = true });

        Assert.True(Difference(_model.Run([_prompt], [rows], [code]), _model.Run([_prompt], [rows], [paper])) > 1e-3);
    }

    [Fact]
    public void A_later_turn_continues_each_layers_own_numbering()
    {
        using GammaModRouter router = RoutedModel.Router(RoutedModel.RandomRouter(), [2]);
        using IDisposable grad = no_grad();
        KvCache cache = new(5, 1, 10);
        Selections trace = new();
        using RequestContext request = new(_model.Decoder.Info, [_prompt], HookTableBuilder.Build(_model.Decoder.Info, [router]), trace, cache);
        SequenceLayout turn = SequenceLayout.Create([new Span(SpanKind.Text, 7)], [30, 31, 32, 33, 34, 35, 36]);
        foreach ((DecoderPhase phase, SequenceLayout layout) in new[] { (DecoderPhase.Prefill, _prompt), (DecoderPhase.Append, turn) })
        {
            using ForwardState state = _model.Decoder.Begin(request, phase, [layout]);
            _model.Decoder.Run(state, RoutedModel.Rows(layout, 12), CancellationToken.None).Dispose();
        }

        Assert.Equal(Enumerable.Range(0, cache.Length(2, 0)), trace.Positions.Where(at => at.Layer == 2).SelectMany(at => at.Ids));
        Assert.Equal(37, cache.Length(3, 0));
        Assert.True(cache.Length(2, 0) < 37);
    }

    [Fact]
    public void Rows_that_a_reducer_drops_are_gone_for_the_router_too()
    {
        using GammaModRouter router = RoutedModel.Router(RoutedModel.ConstantRouter(5000), _layers);
        using DropImages reducer = new();
        Selections trace = new();

        _model.Run([_prompt], [RoutedModel.Rows(_prompt, 13)], [router, reducer], trace, _ids);

        Assert.Equal(_prompt.Count, trace.Prefill(1, 0).Length);
        Assert.Equal([0, 1, 2, 3, 24, 25, 26, 27, 28, 29], trace.Prefill(3, 0));
    }

    [Fact]
    public void Half_precision_routes_too()
    {
        using Tensor weight = RoutedModel.RandomRouter();
        using GammaModRouter router = RoutedModel.Router(weight, [0]);
        using Tensor normed = RoutedModel.Rows(_prompt, 14).to_type(ScalarType.BFloat16);
        using RouterWeights routers = RouterWeights.Trained([0], weight);
        using Tensor logits = routers.Logits(0, normed), again = routers.Logits(0, normed);

        Assert.Equal(ScalarType.BFloat16, logits.dtype);
        Assert.Equal([30, 2], again.shape);
    }

    internal static void AssertClose(float[][][] expected, float[][][] actual, double tolerance)
        => Assert.True(Difference(expected, actual) <= tolerance, $"relative difference {Difference(expected, actual):G3}, allowed {tolerance:G3}");

    private static double Difference(float[][][] expected, float[][][] actual)
    {
        float[] a = [.. expected.SelectMany(step => step).SelectMany(row => row)], b = [.. actual.SelectMany(step => step).SelectMany(row => row)];
        Assert.Equal(a.Length, b.Length);
        Assert.All(b, value => Assert.True(float.IsFinite(value)));
        return a.Zip(b, (x, y) => Math.Abs((double)x - y)).Max() / a.Max(Math.Abs);
    }

    private sealed class DropImages : ITokenReducer
    {
        public string Name => "drop";

        public void Declare(IReducerSites sites)
            => sites.AfterLayer(1, DecoderPhase.Prefill, needsAttention: false, (context, _, _) => new RowSelection(
            [
                .. Enumerable.Range(0, context.Samples).Select(sample =>
                    Enumerable.Range(0, context.Layout(sample).Count).Where(row => context.Layout(sample).KindOf(row) != SpanKind.Image).ToArray()),
            ]));

        public void Dispose()
        {
        }
    }
}
