using Aperture.Decoding;
using Aperture.Models;
using Aperture.Sequences;
using CsCheck;
using static TorchSharp.torch;

namespace Aperture.Engine.Tests.Decoding;

[Collection(DecodingCollection.Name)]
public sealed class RaggedBatchTests
{
    [Fact]
    public void The_decoder_agrees_with_its_plainest_form()
    {
        (int, int)[] headCounts = [(4, 4), (4, 2), (6, 1), (1, 1)];
        int[] headSizes = [2, 8, 10];
        Gen.Select(Gen.Int[1, 20], Gen.Int[0, 3], Gen.Int[0, 2], Gen.Bool).Sample(
            (rows, headCount, size, bias) =>
            {
                ((int, int) heads, int headSize) = (headCounts[headCount], headSizes[size]);
                using SmallDecoder small = new(
                    SmallDecoder.ConfigOf(layers: 2, heads: heads.Item1, keyValueHeads: heads.Item2, headSize: headSize, bias: bias), seed: rows);
                using Tensor expected = new ReferenceDecoder(small.Config, small.Source).Logits(SmallDecoder.Ids(rows));
                using Tensor cached = small.Prefill([SmallDecoder.LayoutOf(rows)], SmallDecoder.Ids(rows));
                using Tensor plain = small.Prefill([SmallDecoder.LayoutOf(rows)], SmallDecoder.Ids(rows), cached: false);
                Near.Equal(expected, cached, 1e-4);
                Near.Equal(expected, plain, 1e-4);
            },
            iter: 20,
            threads: 1);
    }

    [Fact]
    public void A_ragged_batch_gives_what_its_sequences_give_alone()
    {
        using SmallDecoder small = new();
        Gen.Int[1, 10].Array[2, 4].Sample(
            lengths =>
            {
                int[][] ids = [.. lengths.Select((length, i) => SmallDecoder.Ids(length + 1, i))];
                SequenceLayout[] layouts = [.. lengths.Select(SmallDecoder.LayoutOf)];
                using RequestContext together = small.Begin(layouts);
                using Tensor prompt = small.Forward(together, DecoderPhase.Prefill, layouts, [.. ids.SelectMany(own => own[..^1])]);
                using Tensor step = small.Continue(together, DecoderPhase.Decode, [.. ids.Select(own => own[^1..])]);
                int first = 0;
                for (int sample = 0; sample < lengths.Length; sample++)
                {
                    using RequestContext alone = small.Begin([layouts[sample]]);
                    using Tensor ownPrompt = small.Forward(alone, DecoderPhase.Prefill, [layouts[sample]], ids[sample][..^1]);
                    using Tensor ownStep = small.Continue(alone, DecoderPhase.Decode, [ids[sample][^1..]]);
                    using Tensor promptPart = prompt.narrow(0, first, lengths[sample]), stepPart = step.narrow(0, sample, 1);
                    Near.Equal(ownPrompt, promptPart, 1e-4);
                    Near.Equal(ownStep, stepPart, 1e-4);
                    first += lengths[sample];
                }
            },
            iter: 10,
            threads: 1);
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(4, false)]
    [InlineData(0, true)]
    public void A_prompt_in_parts_gives_what_it_gives_at_once(int window, bool dynamicRotary)
    {
        DecoderSpec config = SmallDecoder.ConfigOf(window: window, firstWindowLayer: 1);
        using SmallDecoder small = new(dynamicRotary ? config with { Rotary = config.Rotary with { Scaling = RotaryScaling.Linear, Factor = 3 } } : config);
        int[] ids = SmallDecoder.Ids(17);
        using Tensor expected = small.Prefill([SmallDecoder.LayoutOf(17)], ids);
        Gen.Select(Gen.Int[1, 8], Gen.Int[1, 6]).Sample(
            (prompt, appended) =>
            {
                SequenceLayout[] layouts = [SmallDecoder.LayoutOf(prompt)];
                using RequestContext request = small.Begin(layouts);
                List<Tensor> parts = [small.Forward(request, DecoderPhase.Prefill, layouts, ids[..prompt])];
                parts.Add(small.Continue(request, DecoderPhase.Append, ids[prompt..(prompt + appended)]));
                for (int row = prompt + appended; row < ids.Length; row++)
                {
                    parts.Add(small.Continue(request, DecoderPhase.Decode, [ids[row]]));
                }

                using Tensor actual = cat(parts, 0);
                parts.ForEach(part => part.Dispose());
                Near.Equal(expected, actual, 1e-4);
            },
            iter: 6,
            threads: 1);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(50)]
    public void A_sliding_window_hides_older_keys(int window)
    {
        using SmallDecoder small = new(SmallDecoder.ConfigOf(window: window, firstWindowLayer: 1));
        ReferenceDecoder reference = new(small.Config, small.Source);

        using Tensor expected = reference.Logits(SmallDecoder.Ids(11));
        using Tensor actual = small.Prefill([SmallDecoder.LayoutOf(11)], SmallDecoder.Ids(11));
        using Tensor plain = small.Prefill([SmallDecoder.LayoutOf(11)], SmallDecoder.Ids(11), cached: false);

        Near.Equal(expected, actual, 1e-4);
        Near.Equal(expected, plain, 1e-4);
    }

    [Fact]
    public void Reordered_sequences_go_on_as_the_ones_they_were()
    {
        using SmallDecoder small = new();
        SequenceLayout[] layouts = [SmallDecoder.LayoutOf(4), SmallDecoder.LayoutOf(7)];
        using RequestContext request = small.Begin(layouts), plain = small.Begin(layouts);
        small.Forward(request, DecoderPhase.Prefill, layouts, SmallDecoder.Ids(11)).Dispose();
        small.Forward(plain, DecoderPhase.Prefill, layouts, SmallDecoder.Ids(11)).Dispose();

        request.Select([1, 0, 1]);
        using Tensor expected = small.Continue(plain, DecoderPhase.Decode, [3], [9]);
        using Tensor actual = small.Continue(request, DecoderPhase.Decode, [9], [3], [9]);
        using Tensor index = tensor(new long[] { 1, 0, 1 });
        using Tensor picked = expected.index_select(0, index);

        Near.Equal(picked, actual, 1e-5);
        Assert.Equal([8, 5, 8], new[] { request.NextPosition(0), request.NextPosition(1), request.NextPosition(2) });
    }

    [Fact]
    public void Bf16_stays_near_float32()
    {
        using SmallDecoder wide = new(), narrow = new(type: ScalarType.BFloat16);
        SequenceLayout[] layouts = [SmallDecoder.LayoutOf(12)];
        using RequestContext a = wide.Begin(layouts), b = narrow.Begin(layouts);

        using Tensor expected = wide.Forward(
            a, DecoderPhase.Prefill, layouts, SmallDecoder.Ids(12)), actual = narrow.Forward(b, DecoderPhase.Prefill, layouts, SmallDecoder.Ids(12));
        using Tensor expectedStep = wide.Continue(a, DecoderPhase.Decode, [5]), actualStep = narrow.Continue(b, DecoderPhase.Decode, [5]);

        Near.Equal(expected, actual, 4e-2);
        Near.Equal(expectedStep, actualStep, 4e-2);
    }

    [Fact]
    public void Without_the_managed_kernels_the_logits_are_the_same()
    {
        using SmallDecoder wide = new(SmallDecoder.ConfigOf(bias: true)), half = new(SmallDecoder.ConfigOf(bias: true), ScalarType.Float16);
        SequenceLayout[] layouts = [SmallDecoder.LayoutOf(7), SmallDecoder.LayoutOf(4)];
        using RequestContext a = wide.Begin(layouts), b = half.Begin(layouts);

        using Tensor expected = wide.Forward(
            a, DecoderPhase.Prefill, layouts, SmallDecoder.Ids(11)), actual = half.Forward(b, DecoderPhase.Prefill, layouts, SmallDecoder.Ids(11));
        using Tensor expectedStep = wide.Continue(a, DecoderPhase.Decode, [5], [6]), actualStep = half.Continue(b, DecoderPhase.Decode, [5], [6]);

        Near.Equal(expected, actual, 1e-2);
        Near.Equal(expectedStep, actualStep, 1e-2);
    }

    [Fact]
    public void Training_gives_the_same_logits_and_gradients_for_every_weight()
    {
        using SmallDecoder small = new();
        SequenceLayout[] layouts = [SmallDecoder.LayoutOf(7), SmallDecoder.LayoutOf(7)];
        using Tensor expected = small.Prefill(layouts, SmallDecoder.Ids(14), cached: false);
        (string Name, Tensor Tensor)[] weights = [.. small.Decoder.Weights.Named("model.", "lm_head")];
        foreach ((_, Tensor tensor) in weights)
        {
            tensor.requires_grad_(true);
        }

        using Decoder training = small.Decoder.ForTraining();
        using RequestContext request = small.Begin(layouts, cached: false);
        using ForwardState state = training.Begin(request, DecoderPhase.Train, layouts);
        using Tensor rows = training.Run(state, training.Embed(SmallDecoder.Ids(14)), CancellationToken.None), logits = training.Logits(rows, state.Rows);
        using Tensor loss = logits.square().mean();
        loss.backward();

        Near.Equal(expected, logits, 1e-5);
        Assert.All(weights, weight => Assert.True(weight.Tensor.grad is { } grad && grad.abs().max().item<float>() > 0, weight.Name));
    }

    [Fact]
    public void The_rotary_table_outlives_the_scope_it_was_first_needed_in()
    {
        using SmallDecoder small = new();
        Tensor first, second;
        using (TorchSharp.DisposeScope scope = NewDisposeScope())
        {
            first = small.Prefill([SmallDecoder.LayoutOf(5)], SmallDecoder.Ids(5)).DetachFromDisposeScope();
        }

        second = small.Prefill([SmallDecoder.LayoutOf(5)], SmallDecoder.Ids(5));
        Near.Exactly(first, second);
        first.Dispose();
        second.Dispose();
    }
}
