using Aperture.Decoding;
using Aperture.Measuring;
using Aperture.Pipelines;
using Aperture.Sequences;
using CsCheck;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Engine.Tests.Decoding;

[Collection(DecodingCollection.Name)]
public sealed class RoutingTests
{
    [Fact]
    public void Hooks_that_change_nothing_give_the_plain_logits_bit_for_bit()
    {
        using SmallDecoder small = new();
        HookTable table = small.Table(
            new ProbeReducer("reducer", sites =>
            {
                for (int layer = 0; layer < sites.Decoder.Layers; layer++)
                {
                    sites.BeforeLayer(layer, DecoderPhase.All, (_, _) => null);
                    sites.AfterAttention(layer, DecoderPhase.All, (_, _) => null);
                    sites.AfterLayer(layer, DecoderPhase.All, needsAttention: false, (_, _, _) => null);
                }
            }),
            new ProbeRouter("router", sites =>
            {
                for (int layer = 0; layer < sites.Decoder.Layers; layer++)
                {
                    sites.Route(
                        layer, DecoderPhase.All, RouteUse.Skip | RouteUse.Subset, (context, _, _) => [.. Enumerable.Repeat(LayerRoute.Run, context.Samples)]);
                    sites.BeforeAttention(layer, DecoderPhase.All, (_, _) => null);
                }
            }));

        Gen.Int[1, 12].Array[1, 4].Sample(
            lengths =>
            {
                SequenceLayout[] layouts = [.. lengths.Select(SmallDecoder.LayoutOf)];
                int[] ids = [.. lengths.SelectMany((length, i) => SmallDecoder.Ids(length, i))];
                foreach (bool cached in new[] { true, false })
                {
                    using Tensor plain = small.Prefill(layouts, ids, cached: cached), hooked = small.Prefill(layouts, ids, table, cached);
                    Near.Exactly(plain, hooked);
                }
            },
            iter: 12,
            threads: 1);
    }

    [Fact]
    public void A_subset_of_all_rows_at_scale_one_gives_the_plain_logits()
    {
        using SmallDecoder small = new();
        HookTable table = small.Table(ProbeRouter.Of(1, RouteUse.Subset, (context, sample) =>
        {
            int count = context.Layout(sample).Count;
            return new LayerRoute.Subset([.. Enumerable.Range(0, count)]) { FeedForwardScale = ones(count), AttentionScale = ones(count) };
        }));
        SequenceLayout[] layouts = [SmallDecoder.LayoutOf(9), SmallDecoder.LayoutOf(5)];

        using Tensor plain = small.Prefill(layouts, SmallDecoder.Ids(14));
        using Tensor routed = small.Prefill(layouts, SmallDecoder.Ids(14), table);

        Near.Equal(plain, routed, 1e-5);
    }

    [Fact]
    public void A_skipped_layer_is_the_identity_and_leaves_its_cache_empty()
    {
        using SmallDecoder small = new();
        using Recorder trace = new();
        HookTable table = small.Table(ProbeRouter.Of(1, RouteUse.Skip, (_, _) => LayerRoute.Skip));
        SequenceLayout[] layouts = [SmallDecoder.LayoutOf(7)];

        using RequestContext request = small.Begin(layouts, table, trace);
        small.Forward(request, DecoderPhase.Prefill, layouts, SmallDecoder.Ids(7)).Dispose();

        Near.Exactly(trace.Inputs[1], trace.Outputs[1]);
        Assert.Equal(0, request.Cache!.Length(1, 0));
        Assert.Equal(7, request.Cache.Length(0, 0));
    }

    [Fact]
    public void Only_the_chosen_samples_and_rows_pass_a_layer()
    {
        using SmallDecoder small = new();
        using Recorder trace = new(), plainTrace = new();
        HookTable table = small.Table(
            ProbeRouter.Of(0, RouteUse.Subset | RouteUse.Skip, (_, sample) => sample == 0 ? LayerRoute.Skip : new LayerRoute.Subset([0, 1, 2, 3])));
        SequenceLayout[] layouts = [SmallDecoder.LayoutOf(3), SmallDecoder.LayoutOf(6)];
        int[] ids = SmallDecoder.Ids(9);

        using RequestContext request = small.Begin(layouts, table, trace), plain = small.Begin(layouts, null, plainTrace);
        small.Forward(request, DecoderPhase.Prefill, layouts, ids).Dispose();
        small.Forward(plain, DecoderPhase.Prefill, layouts, ids).Dispose();

        using DisposeScope scope = NewDisposeScope();
        Near.Exactly(trace.Inputs[0].narrow(0, 0, 3), trace.Outputs[0].narrow(0, 0, 3));
        Near.Exactly(trace.Inputs[0].narrow(0, 7, 2), trace.Outputs[0].narrow(0, 7, 2));

        // Leading rows see the same keys with or without the rows behind them.
        Near.Equal(plainTrace.Outputs[0].narrow(0, 3, 4), trace.Outputs[0].narrow(0, 3, 4), 1e-5);
        Assert.Equal([0, 4], new[] { request.Cache!.Length(0, 0), request.Cache.Length(0, 1) });
    }

    [Fact]
    public void Branch_factors_scale_attention_and_feed_forward_apart()
    {
        using SmallDecoder small = new();
        using Recorder trace = new();
        HookTable table = small.Table(
            ProbeRouter.Of(0, RouteUse.Subset, (_, _) => new LayerRoute.Subset([0, 1, 2]) { AttentionScale = zeros(3), FeedForwardScale = full(3, 0.5f) }));
        SequenceLayout[] layouts = [SmallDecoder.LayoutOf(3)];

        using RequestContext request = small.Begin(layouts, table, trace);
        small.Forward(request, DecoderPhase.Prefill, layouts, SmallDecoder.Ids(3)).Dispose();

        using DisposeScope scope = NewDisposeScope();
        ReferenceDecoder reference = new(small.Config, small.Source);
        Tensor x = trace.Inputs[0];
        Tensor expected = x + (reference.FeedForward("model.layers.0.mlp.", reference.Norm(x, "model.layers.0.post_attention_layernorm.weight")) * 0.5);
        Near.Equal(expected, trace.Outputs[0], 1e-5);
    }

    [Fact]
    public void A_composite_replaces_a_layer_by_what_it_computes_without_attention()
    {
        using SmallDecoder small = new();
        using Recorder trace = new();
        HookTable table = small.Table(ProbeRouter.Of(1, RouteUse.Composite | RouteUse.NeverAttends, (_, _) => new LayerRoute.Composite(input =>
        {
            using Tensor scaled = input.Normed.mul(input.SecondNormWeight);
            using Tensor mixed = input.FeedForward(scaled, null);
            return input.Rows.add(mixed);
        })));
        SequenceLayout[] layouts = [SmallDecoder.LayoutOf(4), SmallDecoder.LayoutOf(1)];

        using RequestContext request = small.Begin(layouts, table, trace);
        small.Forward(request, DecoderPhase.Prefill, layouts, SmallDecoder.Ids(5)).Dispose();

        using DisposeScope scope = NewDisposeScope();
        ReferenceDecoder reference = new(small.Config, small.Source);
        Tensor x = trace.Inputs[1];
        Tensor n = reference.Norm(x, "model.layers.1.input_layernorm.weight") * small.Source["model.layers.1.post_attention_layernorm.weight"];
        Near.Equal(x + reference.FeedForward("model.layers.1.mlp.", n), trace.Outputs[1], 1e-5);
        Assert.Equal(0, request.Cache!.Length(1, 0));
    }

    [Fact]
    public void Two_routers_of_one_layer_see_only_the_rows_that_still_run()
    {
        using SmallDecoder small = new();
        int[] seen = [];
        HookTable table = small.Table(
            ProbeRouter.Of(0, RouteUse.Subset, (_, _) => new LayerRoute.Subset([1, 3, 4])),
            new ProbeRouter("second", sites => sites.Route(0, DecoderPhase.All, RouteUse.Skip, (context, _, _) =>
            {
                seen = context.Layout(0).Original.ToArray();
                return [LayerRoute.Skip];
            })));
        SequenceLayout[] layouts = [SmallDecoder.LayoutOf(6)];
        using Recorder trace = new();

        using RequestContext request = small.Begin(layouts, table, trace);
        small.Forward(request, DecoderPhase.Prefill, layouts, SmallDecoder.Ids(6)).Dispose();

        Assert.Equal([1, 3, 4], seen);
        Near.Exactly(trace.Inputs[0], trace.Outputs[0]);
    }
}
