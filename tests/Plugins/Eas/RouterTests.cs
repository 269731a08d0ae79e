using Aperture.Decoding;
using Aperture.Measuring;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Scheduling;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.Eas.Tests;

/// <summary>EAS in the product's decoder.</summary>
public sealed class RouterTests
{
    private static readonly EasSettings _plain = new();

    [Fact]
    public void No_skipped_layer_and_fresh_adapters_give_the_base_models_bits()
    {
        using AdapterModel model = new();
        using Tensor prompt = model.Rows(9, 1);
        using EasRouter router = model.Router(model.Adapters(random: false), _plain);

        Assert.Equal(model.Run([prompt], null, steps: 2).Logits, model.Run([prompt], router, steps: 2).Logits);
    }

    [Fact]
    public void A_skipped_layer_with_a_fresh_adapter_is_one_residual_around_the_feed_forward_of_the_gained_norm()
    {
        using AdapterModel model = new();
        using DisposeScope scope = NewDisposeScope();
        using IDisposable quiet = no_grad();
        Tensor x = model.Rows(7, 2);
        using EasRouter router = model.Router(model.Adapters(random: false), _plain, 0, 1, 2, 3);
        using Recorder trace = new();

        model.Run([x], router, trace: trace);

        DecoderLayerWeights layer = model.Decoder.Weights.Layers[0];
        Tensor scaled = x.mul(x.pow(2).mean([-1], keepdim: true).add(model.Decoder.Spec.NormEpsilon).rsqrt());
        Tensor normed = scaled.mul(layer.InputNorm.Weight).mul(layer.PostAttentionNorm!.Weight);
        Tensor hidden = nn.functional.silu(normed.matmul(layer.Gate!.Dense().t())).mul(normed.matmul(layer.Up.Dense().t()));
        AssertClose(x.add(hidden.matmul(layer.Down.Dense().t())).data<float>().ToArray(), trace.Outputs[0].data<float>().ToArray(), 1e-5);
    }

    [Theory]
    [InlineData("LowRank")]
    [InlineData("Full")]
    public void Merged_equals_unmerged_in_prefill_and_decoding(string form)
    {
        using AdapterModel model = new();
        using Tensor prompt = model.Rows(11, 3);
        using EasRouter plain = model.Router(model.Adapters(random: true), _plain, 1, 3), merged = model.Router(
            model.Adapters(random: true), new EasSettings { Merge = Enum.Parse<MergeForm>(form) }, 1, 3);

        AssertClose(model.Run([prompt], plain, steps: 3).Logits, model.Run([prompt], merged, steps: 3).Logits, 1e-4);
    }

    [Fact]
    public void The_official_bias_is_another_model_and_the_same_in_both_merged_forms()
    {
        using AdapterModel model = new();
        using Tensor prompt = model.Rows(11, 3);
        using EasRouter right = model.Router(model.Adapters(random: true), _plain, 1, 3);
        using EasRouter low = model.Router(model.Adapters(random: true), new EasSettings { Merge = MergeForm.LowRank, OfficialBias = true }, 1, 3);
        using EasRouter full = model.Router(model.Adapters(random: true), new EasSettings { Merge = MergeForm.Full, OfficialBias = true }, 1, 3);

        float[] expected = model.Run([prompt], right).Logits, official = model.Run([prompt], low).Logits;

        AssertClose(official, model.Run([prompt], full).Logits, 1e-4);
        Assert.True(expected.Zip(official, (a, b) => Math.Abs(a - b)).Max() > 0.05);
    }

    [Fact]
    public void Only_kept_layers_have_a_cache()
    {
        using AdapterModel model = new();
        using Tensor prompt = model.Rows(6, 4);
        using EasRouter router = model.Router(model.Adapters(random: true), _plain, 0, 2);

        Assert.Equal([0, 8, 0, 8], model.Run([prompt], router, steps: 2).Cache);
    }

    [Theory]
    [InlineData("Off", "Prefill")]
    [InlineData("Off", "Self")]
    [InlineData("LowRank", "Prefill")]
    public void A_ragged_batch_gives_what_its_samples_give_alone(string merge, string pool)
    {
        using AdapterModel model = new();
        EasSettings settings = new() { Merge = Enum.Parse<MergeForm>(merge), DecodePool = Enum.Parse<DecodePool>(pool) };
        Tensor[] prompts = [model.Rows(5, 5), model.Rows(12, 6), model.Rows(5, 7)];
        using EasRouter router = model.Router(model.Adapters(random: true), settings, 1, 2);

        float[] together = model.Run(prompts, router, steps: 2).Logits;

        int vocabulary = model.Info.VocabularySize;
        for (int sample = 0; sample < prompts.Length; sample++)
        {
            // Alone, a sample counts as the first of its batch: the same tokens only for sample 0, so later ones compare their prefill.
            float[] alone = model.Run([prompts[sample]], router, steps: sample == 0 ? 2 : 0).Logits;
            for (int forward = 0; forward < alone.Length / vocabulary; forward++)
            {
                int at = ((forward * prompts.Length) + sample) * vocabulary;
                AssertClose(alone[(forward * vocabulary)..((forward + 1) * vocabulary)], together[at..(at + vocabulary)], 1e-4);
            }

            prompts[sample].Dispose();
        }
    }

    [Theory]
    [InlineData("Off")]
    [InlineData("LowRank")]
    public void Beams_take_their_sequences_state_along(string merge)
    {
        using AdapterModel model = new();
        using Tensor first = model.Rows(5, 8), second = model.Rows(9, 9);
        using EasRouter router = model.Router(model.Adapters(random: true), new EasSettings { Merge = Enum.Parse<MergeForm>(merge) }, 0, 3);
        int vocabulary = model.Info.VocabularySize;

        float[] straight = model.Run([first, second], router, steps: 1).Logits[(2 * vocabulary)..];
        float[] beams = model.Run([first, second], router, steps: 1, select: [1, 1, 0]).Logits[(2 * vocabulary)..];

        AssertClose([.. straight[vocabulary..], .. straight[vocabulary..], .. straight[..vocabulary]], beams, 1e-5);
    }

    [Fact]
    public void The_pool_of_the_new_row_alone_is_another_model()
    {
        using AdapterModel model = new();
        using Tensor prompt = model.Rows(8, 10);
        using EasRouter frozen = model.Router(model.Adapters(random: true), _plain, 1, 2), own = model.Router(
            model.Adapters(random: true), new EasSettings { DecodePool = DecodePool.Self }, 1, 2);
        int vocabulary = model.Info.VocabularySize;

        float[] a = model.Run([prompt], frozen, steps: 1).Logits, b = model.Run([prompt], own, steps: 1).Logits;

        Assert.Equal(a[..vocabulary], b[..vocabulary]);
        Assert.True(a[vocabulary..].Zip(b[vocabulary..], (x, y) => Math.Abs(x - y)).Max() > 1e-3);
    }

    [Fact]
    public void A_skipped_layer_takes_earlier_rows_in_any_order()
    {
        using AdapterModel model = new();
        using Tensor prompt = model.Rows(8, 11), order = tensor(new long[] { 3, 0, 6, 2, 5, 1, 4, 7 }), shuffled = prompt.index_select(0, order);
        using EasRouter router = model.Router(model.Adapters(random: true), _plain, 0, 1, 2, 3);

        AssertClose(model.Run([prompt], router).Logits, model.Run([shuffled], router).Logits, 1e-5);
    }

    [Fact]
    public void Skipped_attention_is_not_computed_and_adapters_are_counted()
    {
        using AdapterModel model = new();
        using Tensor prompt = model.Rows(10, 12);
        using EasRouter router = model.Router(model.Adapters(random: true), _plain, 1, 3);
        WorkCounter counter = new();

        model.Run([prompt], router, trace: counter);

        Assert.Equal([10, 0, 10, 0], counter.Work.Select(w => w.Work.AttentionRows));
        Assert.Equal([10, 10, 10, 10], counter.Work.Select(w => w.Work.FeedForwardRows));
        Assert.Equal((2 * 2 * 10 * 8 * 32) + (2 * ((2 * 10) + 1) * 12 * 32), counter.OwnMacs["eas"]); // two ordinary adapters, two PIAs
    }

    [Theory]
    [InlineData("Off")]
    [InlineData("LowRank")]
    [InlineData("Full")]
    public void Half_precision_runs_close_to_float32(string merge)
    {
        using AdapterModel model = new(), half = new(ScalarType.BFloat16);
        using Tensor prompt = model.Rows(10, 16);
        EasSettings settings = new() { Merge = Enum.Parse<MergeForm>(merge) };
        using EasRouter router = model.Router(model.Adapters(random: true), settings, 1, 3), other = half.Router(half.Adapters(random: true), settings, 1, 3);

        AssertClose(model.Run([prompt], router, steps: 1).Logits, half.Run([prompt], other, steps: 1).Logits, 0.05);
    }

    [Fact]
    public void Full_merging_takes_one_sequence_at_a_time()
    {
        using AdapterModel model = new();
        using Tensor prompt = model.Rows(4, 13);
        using EasRouter router = model.Router(model.Adapters(random: true), new EasSettings { Merge = MergeForm.Full }, 1);

        ApertureException error = Assert.Throws<ApertureException>(() => model.Run([prompt, prompt], router));

        Assert.Contains("use LowRank", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_checkpoint_without_a_layers_attention_runs_with_that_layer_skipped()
    {
        using AdapterModel whole = new(), partial = new(1, 3);
        using Tensor prompt = whole.Rows(6, 14);
        using EasRouter first = whole.Router(whole.Adapters(random: true), _plain, 1, 3), second = partial.Router(partial.Adapters(random: true), _plain, 1, 3);

        Assert.Equal([1, 3], partial.Info.LayersWithoutAttention);
        Assert.Equal(whole.Run([prompt], first, steps: 1).Logits.Length, partial.Run([prompt], second, steps: 1).Logits.Length);
    }

    [Fact]
    public void A_checkpoint_without_a_layers_attention_is_refused_where_no_method_replaces_it()
    {
        using AdapterModel model = new(1, 3);
        using EasRouter router = model.Router(model.Adapters(random: true), _plain, 3);

        ApertureException with = Assert.Throws<ApertureException>(() => HookTableBuilder.Build(model.Info, [router]));
        ApertureException without = Assert.Throws<ApertureException>(() => HookTableBuilder.Build(model.Info, []));

        Assert.Equal(
            "small has no attention weights in layer 1, and eas does not stand in for them: "
            + "use the method that the checkpoint was trained with, with this layer among its options.",
            with.Message);
        Assert.Contains("no method stands in", without.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Off")]
    [InlineData("LowRank")]
    [InlineData("Full")]
    public void No_tensor_is_left_behind(string merge)
    {
        using AdapterModel model = new();
        using Tensor prompt = model.Rows(6, 15);
        void Once()
        {
            using EasRouter router = model.Router(model.Adapters(random: true), new EasSettings { Merge = Enum.Parse<MergeForm>(merge) }, 1, 3);
            model.Run([prompt], router, steps: 2, select: merge == "Full" ? null : [0, 0]);
        }

        Once();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        long before = LiveTensors.Settled();
        Once();
        Assert.Equal(before, Tensor.TotalCount);
    }

    private static void AssertClose(float[] expected, float[] actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        double scale = expected.Max(value => Math.Abs(value)), largest = expected.Zip(actual, (a, b) => Math.Abs(a - b)).Max();
        Assert.True(largest <= tolerance * scale, $"largest difference {largest}, scale {scale}");
    }
}
