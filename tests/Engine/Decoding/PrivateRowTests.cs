using Aperture.Decoding;
using Aperture.Pipelines;
using Aperture.Sequences;
using static TorchSharp.torch;

namespace Aperture.Engine.Tests.Decoding;

/// <summary>A row that sees only itself and that no other row sees, such as LaVIN's modality token.</summary>
[Collection(DecodingCollection.Name)]
public sealed class PrivateRowTests
{
    [Fact]
    public void Other_rows_are_as_without_it_and_it_is_as_alone()
    {
        using SmallDecoder small = new();
        int[] ids = SmallDecoder.Ids(7);
        using Tensor alone = small.Prefill([SequenceLayout.Create([new Span(SpanKind.Text, 1)], [0])], ids[..1]);
        using Tensor without = small.Prefill([SequenceLayout.Create([new Span(SpanKind.Text, 6)], [1, 2, 3, 4, 5, 6])], ids[1..]);

        using Tensor cached = small.Prefill([Layout(6)], ids);
        using Tensor plain = small.Prefill([Layout(6)], ids, cached: false);

        using Tensor expected = cat([alone, without], 0);
        Near.Equal(expected, cached, 1e-5);
        Near.Equal(expected, plain, 1e-5);
    }

    [Fact]
    public void Its_key_is_not_cached_and_later_rows_do_not_see_it()
    {
        using SmallDecoder small = new();
        int[] ids = SmallDecoder.Ids(9);
        SequenceLayout[] layouts = [Layout(4), SmallDecoder.LayoutOf(3)];
        SequenceLayout[] bare = [SequenceLayout.Create([new Span(SpanKind.Text, 4)], [1, 2, 3, 4]), SmallDecoder.LayoutOf(3)];
        using RequestContext request = small.Begin(layouts), plain = small.Begin(bare);
        small.Forward(request, DecoderPhase.Prefill, layouts, ids[..8]).Dispose();
        small.Forward(plain, DecoderPhase.Prefill, bare, ids[1..8]).Dispose();

        using Tensor expected = small.Continue(plain, DecoderPhase.Decode, [ids[8]], [ids[0]]);
        using Tensor actual = small.Continue(request, DecoderPhase.Decode, [ids[8]], [ids[0]]);

        Assert.Equal((5, 4), (request.Cache!.Length(0, 0), request.Cache.Length(2, 1)));
        Near.Equal(expected, actual, 1e-5);
    }

    [Fact]
    public void A_model_may_say_at_which_position_generation_begins()
    {
        using SmallDecoder small = new();
        SequenceLayout[] layouts = [Layout(4)];

        using RequestContext request = new(small.Decoder.Info, layouts, null, null, new KvCache(small.Config.Layers, 1, 2), [4]);

        Assert.Equal(4, request.NextPosition(0));
    }

    [Fact]
    public void Gradients_flow_as_values_do()
    {
        using SmallDecoder small = new();
        int[] ids = [.. SmallDecoder.Ids(5), .. SmallDecoder.Ids(5, 1)];
        SequenceLayout[] layouts = [Layout(4), Layout(4)];
        using Tensor expected = small.Prefill(layouts, ids, cached: false);
        Tensor value = Assert.IsType<DenseMatrix>(small.Decoder.Weights.Layers[0].Value).Weight;
        value.requires_grad_(true);

        using Decoder training = small.Decoder.ForTraining();
        using RequestContext request = small.Begin(layouts, cached: false);
        using ForwardState state = training.Begin(request, DecoderPhase.Train, layouts);
        using Tensor rows = training.Run(state, training.Embed(ids), CancellationToken.None), logits = training.Logits(rows, state.Rows);
        using Tensor first = logits.select(0, 0), loss = first.square().mean();
        loss.backward();

        Near.Equal(expected, logits, 1e-5);
        Assert.True(value.grad!.abs().max().item<float>() > 0);
    }

    [Fact]
    public void Methods_that_read_attention_are_refused()
    {
        using SmallDecoder small = new();
        HookTable table = small.Table(new ProbeReducer("reader", sites => sites.AfterAttention(1, DecoderPhase.Prefill, (_, _) => null)));

        ApertureException error = Assert.Throws<ApertureException>(() => small.Prefill([Layout(4)], SmallDecoder.Ids(5), table));

        Assert.Contains("no other row attends to", error.Message, StringComparison.Ordinal);
    }

    private static SequenceLayout Layout(int text) => SequenceLayout.Create([new Span(SpanKind.System, 1) { Private = true }, new Span(SpanKind.Text, text)]);
}
