using Aperture.Decoding;
using Aperture.Measuring;
using Aperture.Models;
using Aperture.Sequences;
using static TorchSharp.torch;

namespace Aperture.Engine.Tests.Decoding;

/// <summary>Positions of three axes, as Qwen2-VL numbers time, row and column.</summary>
[Collection(DecodingCollection.Name)]
public sealed class PositionAxesTests
{
    private static readonly DecoderSpec _spec = SmallDecoder.ConfigOf() with
    {
        Rotary = new RotaryConfig { Dimensions = 8, Theta = 100, Sections = [1, 1, 2] },
    };

    // Two rows of text, a picture of 2 x 3, two rows of text.
    private static readonly int[][] _positions = [[0, 1, 2, 2, 2, 2, 2, 2, 5, 6], [0, 1, 2, 2, 2, 3, 3, 3, 5, 6], [0, 1, 2, 3, 4, 2, 3, 4, 5, 6]];

    [Fact]
    public void A_layout_keeps_the_ids_of_all_axes_when_rows_go()
    {
        SequenceLayout all = Layout(), left = all.Keep([0, 3, 7, 8]).Keep([0, 1, 2]);

        Assert.Equal((3, 3), (all.PositionAxes, left.PositionAxes));
        Assert.Equal([0, 2, 2], left.Positions.ToArray());
        Assert.Equal([0, 2, 3], left.PositionsOf(1).ToArray());
        Assert.Equal([0, 3, 4], left.PositionsOf(2).ToArray());
        Assert.Equal((7, 5), (all.NextPosition, left.NextPosition));
    }

    [Fact]
    public void One_axis_stands_for_equal_ids_on_all()
    {
        SequenceLayout text = SmallDecoder.LayoutOf(4);

        Assert.Equal((1, 4), (text.PositionAxes, text.NextPosition));
        Assert.Equal(text.Positions.ToArray(), text.PositionsOf(2).ToArray());
        Assert.Equal(1, Layout().WithPositions(new int[10]).PositionAxes);
        Assert.Equal(0, SequenceLayout.Create([]).NextPosition);
    }

    [Fact]
    public void Every_axis_needs_an_id_for_each_row()
    {
        Assert.Throws<ArgumentException>(() => SequenceLayout.Create([new Span(SpanKind.Text, 2)], new int[][] { [0, 1], [0] }));
        Assert.Throws<ArgumentException>(() => SequenceLayout.Create([new Span(SpanKind.Text, 2)], Array.Empty<int[]>()));
    }

    [Fact]
    public void Prompt_and_decoding_take_each_section_from_its_axis()
    {
        using SmallDecoder small = new(_spec);
        int[] ids = SmallDecoder.Ids(12);
        SequenceLayout[] layouts = [Layout()];
        using Tensor expected = new ReferenceDecoder(small.Config, small.Source).Logits(ids, positions: [.. _positions.Select(axis => (int[])[.. axis, 7, 8])]);
        using Tensor plain = new ReferenceDecoder(small.Config, small.Source).Logits(ids);

        using RequestContext request = small.Begin(layouts);
        Assert.Equal(7, request.NextPosition(0));
        using Tensor prompt = small.Forward(request, DecoderPhase.Prefill, layouts, ids[..10]);
        using Tensor first = small.Continue(request, DecoderPhase.Decode, [ids[10]]), second = small.Continue(request, DecoderPhase.Decode, [ids[11]]);
        using Tensor actual = cat([prompt, first, second], 0), distance = (expected - plain).abs().max();

        Near.Equal(expected, actual, 1e-4);
        Assert.True(distance.item<float>() > 0.01, "the three axes make no difference here");
    }

    [Fact]
    public void Rows_dropped_inside_keep_their_ids_and_so_do_batches()
    {
        using SmallDecoder small = new(_spec);
        int[] ids = SmallDecoder.Ids(10), other = SmallDecoder.Ids(4, 1), kept = [0, 1, 4, 6, 8, 9];
        HookTable table = small.Table(new ProbeReducer("dropper", sites =>
            sites.AfterLayer(0, DecoderPhase.Prefill, needsAttention: false, (_, _, _) => new RowSelection([kept, null]))));
        ReferenceDecoder reference = new(small.Config, small.Source);
        using Tensor all = reference.Logits(ids, (layer, _, key) => layer == 0 || kept.Contains(key), _positions), text = reference.Logits(other);
        using Tensor index = tensor(kept, dtype: ScalarType.Int64), left = all.index_select(0, index), expected = cat([left, text], 0);

        using Tensor actual = small.Prefill([Layout(), SmallDecoder.LayoutOf(4)], [.. ids, .. other], table);

        Near.Equal(expected, actual, 1e-4);
    }

    [Fact]
    public void A_routed_subset_takes_the_ids_of_its_rows_or_others_on_all_axes()
    {
        using SmallDecoder small = new(_spec);
        int[] rows = [.. Enumerable.Range(0, 10)], some = [0, 3, 7, 9];
        List<int[]> inside = [];
        HookTable Subset(int[] running, int[][]? positions) => small.Table(
            ProbeRouter.Of(1, RouteUse.Subset, (_, _) => new LayerRoute.Subset(running) { Positions = positions }),
            new Watcher(1, layout => inside = [.. Enumerable.Range(0, layout.PositionAxes).Select(axis => layout.PositionsOf(axis).ToArray())]));
        using Tensor plain = small.Prefill([Layout()], SmallDecoder.Ids(10));

        using Tensor own = small.Prefill([Layout()], SmallDecoder.Ids(10), Subset(rows, null));
        using Tensor same = small.Prefill([Layout()], SmallDecoder.Ids(10), Subset(rows, _positions));
        using Tensor moved = small.Prefill([Layout()], SmallDecoder.Ids(10), Subset(rows, [_positions[0], _positions[1], rows]));
        small.Prefill([Layout()], SmallDecoder.Ids(10), Subset(some, null)).Dispose();

        Near.Exactly(plain, own);
        Near.Exactly(plain, same);
        Assert.True((plain - moved).abs().max().item<float>() > 1e-3, "ids of the third axis make no difference");
        Assert.Equal([[0, 2, 2, 6], [0, 2, 3, 6], [0, 3, 4, 6]], inside);
        small.Prefill([Layout()], SmallDecoder.Ids(10), Subset(some, [[0, 1, 2, 3]])).Dispose();
        Assert.Equal([[0, 1, 2, 3]], inside);
    }

    [Fact]
    public void Equal_ids_on_all_axes_are_the_positions_of_text()
    {
        using SmallDecoder small = new(_spec);
        int[] ids = SmallDecoder.Ids(6), positions = [.. Enumerable.Range(0, 6)];

        using Tensor expected = small.Prefill([SmallDecoder.LayoutOf(6)], ids);
        using Tensor actual = small.Prefill([SmallDecoder.LayoutOf(6).WithPositions([positions, positions, positions])], ids);

        Near.Exactly(expected, actual);
    }

    [Fact]
    public void A_decoder_of_one_axis_refuses_three_and_nothing_is_left_behind()
    {
        using SmallDecoder one = new(), three = new(_spec);
        SequenceLayout[] layouts = [Layout()];
        three.Prefill(layouts, SmallDecoder.Ids(10)).Dispose(); // builds the rotary table, which stays

        Assert.Throws<ArgumentException>(() => one.Prefill(layouts, SmallDecoder.Ids(10)));
        LiveTensors.MustNotGrow(() => three.Prefill(layouts, SmallDecoder.Ids(10)).Dispose());
    }

    private static SequenceLayout Layout() => SequenceLayout.Create(
    [
        new Span(SpanKind.System, 2),
        new Span(SpanKind.Image, 6) { Image = 0, Grid = new VisualGrid(2, 3) },
        new Span(SpanKind.Text, 2),
    ],
    _positions);

    /// <summary>Looks at the rows that attend in a layer.</summary>
    private sealed class Watcher(int layer, Action<SequenceLayout> look) : ITokenReducer
    {
        public string Name => "watcher";

        public void Declare(IReducerSites sites) => sites.AfterAttention(layer, DecoderPhase.Prefill, (context, _) =>
        {
            look(context.Layout(0));
            return null;
        });

        public void Dispose()
        {
        }
    }
}
