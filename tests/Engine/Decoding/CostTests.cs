using Aperture.Decoding;
using Aperture.Measuring;
using Aperture.Sequences;
using static TorchSharp.torch;

namespace Aperture.Engine.Tests.Decoding;

/// <summary>What hooks cost where there are none, and what is left behind where one fails.</summary>
[Collection(DecodingCollection.Name)]
public sealed class CostTests
{
    [Fact]
    public void A_pipeline_without_hooks_allocates_what_a_plain_one_does()
    {
        using SmallDecoder small = new();
        HookTable empty = small.Table();
        HookTable prefillOnly = small.Table(new ProbeReducer("dropper", sites => sites.AfterAttention(1, DecoderPhase.Prefill, (_, _) => null)));

        long plain = DecodeAllocations(small, null);

        Assert.Equal(plain, DecodeAllocations(small, empty));
        Assert.Equal(plain, DecodeAllocations(small, prefillOnly));
    }

    [Fact]
    public void Forwards_leave_no_tensors_behind()
    {
        using SmallDecoder small = new();
        small.Prefill([SmallDecoder.LayoutOf(4)], SmallDecoder.Ids(4)).Dispose();
        HookTable table = small.Table(
            new ProbeReducer("dropper", sites => sites.AfterAttention(1, DecoderPhase.Prefill, (_, statistics) =>
            {
                statistics.ColumnSums(0, HeadReduction.Max, [[0]]).Dispose();
                return new RowSelection([[0, 3], null]);
            })),
            ProbeRouter.Of(0, RouteUse.Subset, (context, sample) => new LayerRoute.Subset([0]) { FeedForwardScale = ones(1) }));

        foreach (HookTable? own in new[] { null, table })
        {
            LiveTensors.MustNotGrow(() =>
            {
                using Recorder trace = new();
                SequenceLayout[] layouts = [SmallDecoder.LayoutOf(4), SmallDecoder.LayoutOf(2)];
                using RequestContext request = small.Begin(layouts, own, trace);
                small.Forward(request, DecoderPhase.Prefill, layouts, SmallDecoder.Ids(6)).Dispose();
                trace.Dispose();
                using RequestContext plain = small.Begin(layouts, own);
                small.Forward(plain, DecoderPhase.Prefill, layouts, SmallDecoder.Ids(6)).Dispose();
                small.Continue(plain, DecoderPhase.Decode, [1], [2]).Dispose();
            });
        }
    }

    public static TheoryData<string> Sites
        => ["before layer", "route", "second route", "composite", "before attention", "after attention", "after layer", "begin"];

    [Theory]
    [MemberData(nameof(Sites))]
    public void A_hook_that_throws_leaves_no_tensors_behind(string site)
    {
        using SmallDecoder small = new();
        small.Prefill([SmallDecoder.LayoutOf(5)], SmallDecoder.Ids(5)).Dispose();
        HookTable table = small.Table(new Thrower(site), new ThrowingRouter(site));

        LiveTensors.MustNotGrow(
            () => Assert.IsType<NotSupportedException>(
                Assert.Throws<ApertureException>(() => small.Prefill([SmallDecoder.LayoutOf(5), SmallDecoder.LayoutOf(3)], SmallDecoder.Ids(8), table))
                    .InnerException));
    }

    [Fact]
    public void Cancelling_between_layers_leaves_no_tensors_behind()
    {
        using SmallDecoder small = new();
        small.Prefill([SmallDecoder.LayoutOf(5)], SmallDecoder.Ids(5)).Dispose();
        using CancellationTokenSource cancel = new();
        HookTable table = small.Table(new ProbeReducer("canceller", sites => sites.BeforeLayer(1, DecoderPhase.Prefill, (_, _) =>
        {
            cancel.Cancel();
            return null;
        })));
        SequenceLayout[] layouts = [SmallDecoder.LayoutOf(5)];

        LiveTensors.MustNotGrow(() =>
        {
            using RequestContext request = small.Begin(layouts, table);
            using ForwardState state = small.Decoder.Begin(request, DecoderPhase.Prefill, layouts);
            Assert.Throws<OperationCanceledException>(() => small.Decoder.Run(state, small.Decoder.Embed(SmallDecoder.Ids(5)), cancel.Token));
        });
    }

    private static long DecodeAllocations(SmallDecoder small, HookTable? table)
    {
        using IDisposable mode = inference_mode();
        SequenceLayout[] layouts = [SmallDecoder.LayoutOf(4)];
        using RequestContext request = small.Begin(layouts, table);
        small.Forward(request, DecoderPhase.Prefill, layouts, SmallDecoder.Ids(4)).Dispose();
        using ForwardState state = small.Decoder.Begin(request, DecoderPhase.Decode, [SequenceLayout.Create([new Span(SpanKind.Generated, 1)], [4])]);

        // The cache grows in the first step; later ones are alike.
        small.Decoder.Run(state, small.Decoder.Embed([1]), CancellationToken.None).Dispose();
        Tensor rows = small.Decoder.Embed([1]);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Tensor output = small.Decoder.Run(state, rows, CancellationToken.None);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        output.Dispose();
        return allocated;
    }

    private sealed class Thrower(string site) : ITokenReducer
    {
        public string Name => "thrower";

        public ISequenceState? Begin(IRequestContext request) => site == "begin" ? throw new NotSupportedException() : null;

        public void Declare(IReducerSites sites)
        {
            if (site == "before layer")
            {
                sites.BeforeLayer(1, DecoderPhase.Prefill, (_, _) => throw new NotSupportedException());
            }
            else if (site == "after attention")
            {
                sites.AfterAttention(1, DecoderPhase.Prefill, (_, statistics) =>
                {
                    statistics.ColumnSums(0, HeadReduction.Max, [[0]]).Dispose();
                    throw new NotSupportedException();
                });
            }
            else if (site == "after layer")
            {
                sites.AfterLayer(1, DecoderPhase.Prefill, needsAttention: true, (_, _, _) => throw new NotSupportedException());
            }
        }

        public void Dispose()
        {
        }
    }

    private sealed class ThrowingRouter(string site) : ILayerRouter
    {
        public string Name => "throwing router";

        public void Declare(IRouterSites sites)
        {
            if (site == "route")
            {
                sites.Route(1, DecoderPhase.Prefill, RouteUse.Skip, (_, _, _) => throw new NotSupportedException());
            }
            else if (site == "second route")
            {
                sites.Route(
                    1, DecoderPhase.Prefill, RouteUse.Subset, (_, _, _) => [new LayerRoute.Subset([0, 1]) { FeedForwardScale = ones(2) }, LayerRoute.Run]);
                sites.BeforeAttention(1, DecoderPhase.Prefill, (_, _) => throw new NotSupportedException());
            }
            else if (site == "composite")
            {
                sites.Route(1, DecoderPhase.Prefill, RouteUse.Composite, (_, _, _) =>
                    [new LayerRoute.Composite(input => input.Rows.clone()), new LayerRoute.Composite(_ => throw new NotSupportedException())]);
            }
            else if (site == "before attention")
            {
                sites.BeforeAttention(1, DecoderPhase.Prefill, (_, _) => throw new NotSupportedException());
            }
        }

        public void Dispose()
        {
        }
    }
}
