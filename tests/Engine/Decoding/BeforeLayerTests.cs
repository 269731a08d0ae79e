using Aperture.Decoding;
using Aperture.Pipelines;
using Aperture.Sequences;
using static TorchSharp.torch;

namespace Aperture.Engine.Tests.Decoding;

[Collection(DecodingCollection.Name)]
public sealed class BeforeLayerTests
{
    private static readonly SequenceLayout[] _layouts = [SmallDecoder.LayoutOf(5), SmallDecoder.LayoutOf(3)];
    private static readonly int[] _ids = [.. SmallDecoder.Ids(5), .. SmallDecoder.Ids(3, 1)];

    [Fact]
    public void Rows_that_a_hook_returns_enter_the_layer_as_rows_edited_in_place_do()
    {
        using SmallDecoder small = new();
        using Tensor plain = small.Prefill(_layouts, _ids);
        using Tensor inPlace = Run(small, (_, rows) =>
        {
            rows.mul_(1.5);
            return null;
        });

        using Tensor replaced = Run(small, (_, rows) => rows.mul(1.5)), wide = Run(small, (_, rows) => rows.to_type(ScalarType.Float64).mul(1.5));
        using Tensor twice = Run(small, (_, rows) => rows.mul(0.5), (_, rows) => rows.mul(3)), given = Run(small, (_, rows) => rows);

        Near.Exactly(inPlace, replaced);
        Near.Exactly(inPlace, wide);
        Near.Exactly(inPlace, twice);
        Near.Exactly(plain, given);
        Assert.True((plain - replaced).abs().max().item<float>() > 1e-3);
    }

    [Fact]
    public void A_trace_sees_the_rows_that_enter()
    {
        using SmallDecoder small = new();
        List<(int Layer, float Largest)> seen = [];
        HookTable table = Table(small, (_, rows) => rows.mul(0));
        using RequestContext request = small.Begin(_layouts, table, new InputTrace(seen));

        small.Forward(request, DecoderPhase.Prefill, _layouts, _ids).Dispose();

        Assert.Equal(0, seen[1].Largest);
        Assert.True(seen[0].Largest > 0);
    }

    [Fact]
    public void Other_numbers_of_rows_are_refused_and_nothing_is_left_behind()
    {
        using SmallDecoder small = new();
        small.Prefill(_layouts, _ids).Dispose(); // builds the rotary table, which stays

        LiveTensors.MustNotGrow(() =>
        {
            Assert.Throws<ApertureException>(() => Run(small, (_, rows) => zeros(7, rows.size(1))));
            Assert.Throws<ApertureException>(() => Run(small, (_, rows) => rows.mul(2), (_, _) => throw new NotSupportedException()));
            Run(small, (_, rows) => rows.mul(2), (_, rows) => rows.mul(2)).Dispose();
        });
    }

    [Fact]
    public void Gradients_reach_what_the_hook_computed_from()
    {
        using SmallDecoder small = new();
        SequenceLayout[] layouts = [SmallDecoder.LayoutOf(4)];
        using Tensor gain = ones(1, requires_grad: true);
        HookTable table = Table(small, (_, rows) => rows.mul(gain));
        using Decoder training = small.Decoder.ForTraining();
        using RequestContext request = small.Begin(layouts, table, cached: false);
        using ForwardState state = training.Begin(request, DecoderPhase.Train, layouts);

        using Tensor rows = training.Run(state, training.Embed(SmallDecoder.Ids(4)), CancellationToken.None);
        using Tensor logits = training.Logits(rows, state.Rows), loss = logits.square().mean();
        loss.backward();

        Assert.True(gain.grad!.abs().item<float>() > 0);
    }

    private static HookTable Table(SmallDecoder small, params BeforeLayerHook[] hooks) => small.Table(
        [.. hooks.Select((hook, index) => new ProbeReducer($"probe {index}", sites => sites.BeforeLayer(1, DecoderPhase.All, hook)))]);

    private static Tensor Run(SmallDecoder small, params BeforeLayerHook[] hooks) => small.Prefill(_layouts, _ids, Table(small, hooks));

    private sealed class InputTrace(List<(int Layer, float Largest)> seen) : IDecoderTrace
    {
        public void LayerInput(ILayerContext context, Tensor rows) => seen.Add((context.Layer, rows.abs().max().item<float>()));
    }
}
