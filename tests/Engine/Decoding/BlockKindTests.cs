using Aperture.Decoding;
using Aperture.Measuring;
using Aperture.Models;
using Aperture.Sequences;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Engine.Tests.Decoding;

/// <summary>Blocks that are not LLaMA's against a straight-line computation.</summary>
[Collection(DecodingCollection.Name)]
public sealed class BlockKindTests
{
    private static readonly DecoderSpec _llama = SmallDecoder.ConfigOf();

    private static readonly DecoderSpec _phi = SmallDecoder.ConfigOf(keyValueHeads: 4) with
    {
        Norm = NormKind.Layer,
        ParallelBlock = true,
        GatedFeedForward = false,
        Activation = "gelu_new",
        QueryKeyValueBias = true,
        OutputBias = true,
        FeedForwardBias = true,
        HeadBias = true,
        Rotary = new RotaryConfig { Dimensions = 4 },
    };

    private static readonly Dictionary<string, DecoderSpec> _specs = new()
    {
        ["layer norms"] = _llama with { Norm = NormKind.Layer },
        ["biases"] = _llama with { QueryKeyValueBias = true, OutputBias = true, FeedForwardBias = true, HeadBias = true },
        ["another gate"] = _llama with { Activation = "gelu_new" },
        ["plain feed-forward"] = _llama with { GatedFeedForward = false },
        ["parallel block"] = _llama with { ParallelBlock = true },
        ["part of a head rotated"] = _llama with { Rotary = new RotaryConfig { Dimensions = 4 } },
        ["scaled"] = _llama with { EmbeddingScale = 12, ResidualScale = 0.3, LogitScale = 0.25 },
        ["Phi"] = _phi,
    };

    public static TheoryData<string> Kinds => [.. _specs.Keys];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Prompt_decoding_and_training_give_what_a_straight_line_gives(string kind)
    {
        using SmallDecoder small = new(_specs[kind]);
        int[] ids = SmallDecoder.Ids(9), other = SmallDecoder.Ids(6, 1);
        SequenceLayout[] layouts = [SmallDecoder.LayoutOf(7), SmallDecoder.LayoutOf(6)];
        ReferenceDecoder reference = new(small.Config, small.Source);
        using Tensor whole = reference.Logits(ids), second = reference.Logits(other), prompt = whole.narrow(0, 0, 7), expected = cat([prompt, second], 0);

        using RequestContext request = small.Begin(layouts);
        using Tensor prefilled = small.Forward(request, DecoderPhase.Prefill, layouts, [.. ids[..7], .. other]);
        using Tensor next = small.Continue(request, DecoderPhase.Append, ids[7..], [3]), appended = next.narrow(0, 0, 2), expectedNext = whole.narrow(0, 7, 2);
        using Tensor trained = Train(small, layouts, [.. ids[..7], .. other]);

        Near.Equal(expected, prefilled, 1e-4);
        Near.Equal(expectedNext, appended, 1e-4);
        Near.Equal(expected, trained, 1e-4);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Rows_dropped_after_attention_are_as_if_masked_later(string kind)
    {
        using SmallDecoder small = new(_specs[kind]);
        int[] kept = [0, 2, 5, 7], ids = SmallDecoder.Ids(8);
        HookTable table = small.Table(new ProbeReducer("dropper", sites => sites.AfterAttention(1, DecoderPhase.Prefill, (_, _) => new RowSelection([kept]))));

        using Tensor all = new ReferenceDecoder(small.Config, small.Source).Logits(ids, (layer, _, key) => layer <= 1 || kept.Contains(key));
        using Tensor index = tensor(kept, dtype: ScalarType.Int64), expected = all.index_select(0, index);
        using Tensor actual = small.Prefill([SmallDecoder.LayoutOf(8)], ids, table);

        Near.Equal(expected, actual, 1e-4);
    }

    [Fact]
    public void A_composite_of_a_parallel_block_gets_the_one_norm_there_is_and_the_scaled_feed_forward()
    {
        using SmallDecoder small = new(_phi with { ResidualScale = 0.5 });
        NormWeights norm = small.Decoder.Weights.Layers[1].InputNorm;
        SequenceLayout[] layouts = [SmallDecoder.LayoutOf(5)];
        bool same = false;
        double difference = 1;
        HookTable table = small.Table(ProbeRouter.Of(1, RouteUse.Composite, (_, _) => new LayerRoute.Composite(input =>
        {
            same = ReferenceEquals(input.SecondNormWeight, norm.Weight);
            using Tensor mixed = input.FeedForward(input.Normed, null);
            using DisposeScope scope = NewDisposeScope();
            Tensor expected = new ReferenceDecoder(small.Config, small.Source).FeedForward("model.layers.1.mlp.", input.Normed) * 0.5;
            difference = (expected - mixed).abs().max().item<float>() / expected.abs().max().item<float>();
            return input.Rows.add(mixed).MoveToOuterDisposeScope();
        })));
        small.Prefill(layouts, SmallDecoder.Ids(5)).Dispose(); // builds the rotary table, which stays

        LiveTensors.MustNotGrow(() => small.Prefill(layouts, SmallDecoder.Ids(5), table).Dispose());

        Assert.True(same);
        Assert.InRange(difference, 0, 1e-5);
    }

    [Fact]
    public void A_plain_feed_forward_network_shows_and_takes_no_gate()
    {
        using SmallDecoder small = new(_phi);
        HookTable Asking(Func<ILayerContext, CompositeInput, Tensor> ask) => small.Table(
            ProbeRouter.Of(0, RouteUse.Composite, (context, _) => new LayerRoute.Composite(input => ask(context, input))));
        using WeightDeltaOwner delta = new();
        SequenceLayout[] layouts = [SmallDecoder.LayoutOf(3)];

        Assert.False(small.Decoder.Spec.Describe("small").GatedFeedForward);
        Assert.IsType<NotSupportedException>(Refused(Asking((context, _) => context.Dense(LayerMatrix.Gate))));
        Assert.IsType<InvalidOperationException>(Refused(Asking((_, input) => input.FeedForward(input.Normed, new FeedForwardDeltas(delta.Delta, null)))));

        Exception? Refused(HookTable table)
            => Assert.Throws<ApertureException>(() => small.Prefill(layouts, SmallDecoder.Ids(3), table)).InnerException;
    }

    [Fact]
    public void A_change_of_the_first_matrix_acts_in_a_plain_feed_forward_network()
    {
        using SmallDecoder small = new(_phi);
        using WeightDeltaOwner twice = new(inputScale: 2);
        SequenceLayout[] layouts = [SmallDecoder.LayoutOf(3)];
        double difference = 1;
        HookTable table = small.Table(ProbeRouter.Of(0, RouteUse.Composite, (context, _) => new LayerRoute.Composite(input =>
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor changed = input.FeedForward(input.Normed, new FeedForwardDeltas(null, twice.Delta)), expected = input.FeedForward(input.Normed * 2, null);
            difference = (expected - changed).abs().max().item<float>();
            return input.Rows.clone().MoveToOuterDisposeScope();
        })));

        small.Prefill(layouts, SmallDecoder.Ids(3), table).Dispose();

        Assert.InRange(difference, 0, 1e-5);
    }

    [Fact]
    public void A_plain_feed_forward_network_counts_as_two_matrices()
    {
        DecoderInfo gated = _llama.Describe("gated"), plain = _phi.Describe("plain");

        Assert.Equal(3L * 100 * gated.HiddenSize * gated.IntermediateSize, new LayerRows(0, 0, 100).Macs(gated));
        Assert.Equal(2L * 100 * plain.HiddenSize * plain.IntermediateSize, new LayerRows(0, 0, 100).Macs(plain));
    }

    private static Tensor Train(SmallDecoder small, SequenceLayout[] layouts, int[] ids)
    {
        using Decoder training = small.Decoder.ForTraining();
        using RequestContext request = small.Begin(layouts, cached: false);
        using ForwardState state = training.Begin(request, DecoderPhase.Train, layouts);
        using Tensor rows = training.Run(state, training.Embed(ids), CancellationToken.None), logits = training.Logits(rows, state.Rows);
        return logits.detach();
    }

    private sealed class WeightDeltaOwner : IDisposable
    {
        public WeightDeltaOwner(double inputScale = 1) => Delta = new WeightDelta { InputScale = tensor((float)inputScale) };

        public WeightDelta Delta { get; }

        public void Dispose() => Delta.InputScale?.Dispose();
    }
}
