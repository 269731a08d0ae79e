using Aperture.Decoding;
using Aperture.Measuring;
using Aperture.Scheduling;
using Aperture.Sequences;
using CsCheck;
using static TorchSharp.torch;

namespace Aperture.Engine.Tests.Decoding;

[Collection(DecodingCollection.Name)]
public sealed class DroppingTests
{
    [Fact]
    public void Rows_dropped_after_attention_are_as_if_masked_in_all_later_layers()
    {
        using SmallDecoder small = new();
        ReferenceDecoder reference = new(small.Config, small.Source);
        Gen.Select(Gen.Int[2, 14], Gen.Int[0, 2], Gen.Int[0, int.MaxValue]).Sample(
            (rows, layer, choice) =>
            {
                int[] kept = [.. Enumerable.Range(0, rows).Where(row => row == rows - 1 || ((choice >> row) & 1) == 1)];
                HookTable table = small.Table(Dropper(layer, kept));

                using Tensor expected = reference.Logits(SmallDecoder.Ids(rows), (at, _, key) => at <= layer || kept.Contains(key));
                using Tensor actual = small.Prefill([SmallDecoder.LayoutOf(rows)], SmallDecoder.Ids(rows), table);
                using Tensor index = tensor([.. kept.Select(row => (long)row)]);
                using Tensor expectedKept = expected.index_select(0, index);

                Near.Equal(expectedKept, actual, 1e-4);
            },
            iter: 25,
            threads: 1);
    }

    [Fact]
    public void Rows_dropped_after_a_layer_are_as_if_masked_in_all_later_layers_and_while_decoding()
    {
        using SmallDecoder small = new();
        ReferenceDecoder reference = new(small.Config, small.Source);
        int[] kept = [0, 1, 4, 6, 9];
        HookTable table = small.Table(new ProbeReducer("dropper", sites =>
            sites.AfterLayer(1, DecoderPhase.Prefill, needsAttention: false, (_, _, _) => new RowSelection([kept]))));
        SequenceLayout[] layouts = [SmallDecoder.LayoutOf(10)];
        int[] ids = SmallDecoder.Ids(12);

        using Tensor expected = reference.Logits(ids, (at, _, key) => at <= 1 || key >= 10 || kept.Contains(key));
        using RequestContext request = small.Begin(layouts, table);
        small.Forward(request, DecoderPhase.Prefill, layouts, ids[..10]).Dispose();
        using Tensor first = small.Continue(request, DecoderPhase.Decode, [ids[10]]), second = small.Continue(request, DecoderPhase.Decode, [ids[11]]);
        using Tensor decoded = cat([first, second], 0), expectedDecoded = expected.narrow(0, 10, 2);

        Near.Equal(expectedDecoded, decoded, 1e-4);
        Assert.Equal([12, 12, 7], new[] { request.Cache!.Length(0, 0), request.Cache.Length(1, 0), request.Cache.Length(2, 0) });
    }

    [Fact]
    public void The_second_dropper_of_a_layer_speaks_of_the_rows_the_first_left()
    {
        using SmallDecoder small = new();
        int seen = 0;
        HookTable both = small.Table(
            Dropper(1, [0, 2, 3, 5, 7]),
            new ProbeReducer("second", sites => sites.AfterAttention(1, DecoderPhase.Prefill, (context, statistics) =>
            {
                using Tensor sums = statistics.ColumnSums(0, HeadReduction.Mean, [[4]]);
                seen = (int)sums.size(1);
                return new RowSelection([[0, 3, 4]]);
            })));
        HookTable one = small.Table(Dropper(1, [0, 5, 7]));

        using Tensor expected = small.Prefill([SmallDecoder.LayoutOf(8)], SmallDecoder.Ids(8), one);
        using Tensor actual = small.Prefill([SmallDecoder.LayoutOf(8)], SmallDecoder.Ids(8), both);

        Near.Equal(expected, actual, 1e-5);
        Assert.Equal(5, seen);
    }

    [Fact]
    public void A_dropper_inside_a_subset_takes_its_rows_from_the_whole_sequence()
    {
        using SmallDecoder small = new();
        using Recorder trace = new();
        HookTable table = small.Table(
            Dropper(0, [0, 2]),
            ProbeRouter.Of(0, RouteUse.Subset, (_, _) => new LayerRoute.Subset([1, 3, 5])));
        SequenceLayout[] layouts = [SmallDecoder.LayoutOf(6)];

        using RequestContext request = small.Begin(layouts, table, trace);
        using Tensor logits = small.Forward(request, DecoderPhase.Prefill, layouts, SmallDecoder.Ids(6));

        // Of the running rows 1, 3, 5 the dropper keeps the first and the third; rows that passed by stay.
        Assert.Equal([0, 1, 2, 4, 5], trace.Work.First(work => work.Layer == 0).Work.Layout.Original.ToArray());
        Assert.Equal(5, logits.size(0));
    }

    [Fact]
    public void Samples_drop_their_own_rows_and_keep_positions()
    {
        using SmallDecoder small = new();
        using Recorder trace = new();
        HookTable table = small.Table(
            new ProbeReducer("dropper", sites => sites.AfterAttention(0, DecoderPhase.Prefill, (_, _) => new RowSelection([[1, 2], null]))));
        SequenceLayout[] layouts = [SmallDecoder.WithImage(9), SmallDecoder.LayoutOf(3)];

        using RequestContext request = small.Begin(layouts, table, trace);
        small.Forward(request, DecoderPhase.Prefill, layouts, SmallDecoder.Ids(12)).Dispose();
        SequenceLayout left = trace.Work.First(work => work.Layer == 2 && work.Work.Sample == 0).Work.Layout;

        Assert.Equal([1, 2], left.Positions.ToArray());
        Assert.Equal(0, left.PlaceOf(1));
        Assert.Equal([9, 2, 2], new[] { request.Cache!.Length(0, 0), request.Cache.Length(1, 0), request.Cache.Length(2, 0) });
        Assert.Equal(3, request.Cache.Length(2, 1));
        Assert.Equal(9, request.NextPosition(0));
    }

    [Fact]
    public void Work_counts_rows_and_keys_as_they_ran()
    {
        using SmallDecoder small = new();
        using Recorder trace = new();
        HookTable table = small.Table(Dropper(1, [0, 7]), ProbeRouter.Of(2, RouteUse.Skip, (_, _) => LayerRoute.Skip));
        SequenceLayout[] layouts = [SmallDecoder.LayoutOf(8)];

        using RequestContext request = small.Begin(layouts, table, trace);
        small.Forward(request, DecoderPhase.Prefill, layouts, SmallDecoder.Ids(8)).Dispose();

        Assert.Equal(
            [(8, 8, 8, 8), (8, 8, 2, 8), (0, 0, 0, 0)],
            trace.Work.Select(entry => (entry.Work.AttentionRows, entry.Work.Keys, entry.Work.FeedForwardRows, entry.Work.CacheRows)));
    }

    private static ProbeReducer Dropper(int layer, int[] kept)
        => new("dropper", sites => sites.AfterAttention(layer, DecoderPhase.Prefill, (_, _) => new RowSelection([kept])));
}
