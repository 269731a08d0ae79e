using Aperture.Plugins.DitSam.Dit;
using Aperture.Plugins.DitSam.Sam;
using Aperture.Sequences;
using Aperture.Tests;
using Aperture.Vision;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.DitSam.Tests;

/// <summary>What must hold whatever the weights are.</summary>
public sealed class InvariantTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();
    private readonly IDisposable _quiet = no_grad();
    private readonly TensorWeights _weights = TinyDit.Weights();

    public void Dispose()
    {
        _weights.Dispose();
        _quiet.Dispose();
        _scope.Dispose();
    }

    [Fact]
    public void Without_a_sentence_a_dit_is_a_sam_that_attends_everywhere()
    {
        using DitModel dit = TinyDit.Model(_weights);
        IWeightSource named = DitKeys.UnderSamNames(_weights);
        using SamModel sam = new(named, SamConfig.Read(named, TinyDit.DecoderHeads), everywhere: true, TinyDit.Policy);
        Tensor pixels = Numbers.Stream(1, 1, 3, 128, 128);

        Tensor found = dit.Encode(dit.Sam.Encoder.Embed(pixels), null, VisionRequest.Plain, 0, CancellationToken.None).Embedding;

        Assert.True(found.allclose(sam.Encode(pixels, CancellationToken.None).Embedding, 0, 0));
        using SamModel windowed = new(named, SamConfig.Read(named, TinyDit.DecoderHeads), everywhere: false, TinyDit.Policy);
        Assert.False(found.allclose(windowed.Encode(pixels, CancellationToken.None).Embedding, 0, 1e-3));
    }

    [Theory]
    [InlineData(nameof(DitVariant.LayerWise))]
    [InlineData(nameof(DitVariant.EndToEnd))]
    public void The_order_of_a_sentences_rows_does_not_matter_behind_the_text_encoder(string variant)
    {
        using DitModel model = TinyDit.Model(_weights, TinyDit.Options with { Variant = Enum.Parse<DitVariant>(variant) });
        Tensor text = Numbers.Stream(2, 1, 5, 32), turned = text.flip(1);

        Assert.True(Embedding(model, text).allclose(Embedding(model, turned), 1e-4, 1e-5));
        Assert.False(Embedding(model, text).allclose(Embedding(model, text.mul(0.5)), 0, 1e-3));
    }

    [Fact]
    public void A_block_before_which_rows_are_fixed_reads_nothing_of_what_blocks_made_of_them()
    {
        using DitModel layerWise = TinyDit.Model(_weights, runsSentence: true);
        using DitModel endToEnd = TinyDit.Model(_weights, TinyDit.Options with { Variant = DitVariant.EndToEnd });
        Tensor text = Numbers.Stream(2, 1, 5, 32);
        VisionTrunkHooks garbage = new()
        {
            AfterBlock = (context, rows) => context.Block == 1 ? cat([rows.narrow(1, 0, 5).mul(-7), rows.narrow(1, 5, rows.size(1) - 5)], 1) : null,
        };

        Assert.True(Embedding(layerWise, text, garbage).allclose(Embedding(layerWise, text), 0, 0));
        Assert.False(Embedding(endToEnd, text, garbage).allclose(Embedding(endToEnd, text), 0, 1e-3));
    }

    [Fact]
    public void Of_one_block_both_variants_are_the_same()
    {
        using TensorWeights weights = TinyDit.Weights(depth: 1);
        using DitModel layerWise = TinyDit.Model(weights), endToEnd = TinyDit.Model(weights, TinyDit.Options with { Variant = DitVariant.EndToEnd });
        Tensor text = Numbers.Stream(2, 1, 5, 32);

        Assert.True(Embedding(layerWise, text).allclose(Embedding(endToEnd, text), 1e-4, 1e-5));
    }

    [Theory]
    [InlineData(nameof(DitVariant.LayerWise))]
    [InlineData(nameof(DitVariant.TokenLayerWise))]
    public void Keys_and_values_of_a_sentence_do_for_its_rows_in_windows_too(string variant)
    {
        using TensorWeights weights = TinyDit.Weights(Enum.Parse<DitVariant>(variant));
        DitOptions options = TinyDit.Options with { Attention = DitAttention.Windowed };
        using DitModel fast = TinyDit.Model(weights, options), slow = TinyDit.Model(weights, options, runsSentence: true), global = TinyDit.Model(weights);
        Tensor text = Numbers.Stream(2, 1, TinyDit.TokenRows, 32);

        Assert.True(Embedding(fast, text).allclose(Embedding(slow, text), 1e-4, 1e-5));
        Assert.False(Embedding(fast, text).allclose(Embedding(global, text), 0, 1e-3));
    }

    [Fact]
    public void A_batch_is_its_pictures_one_by_one()
    {
        using DitModel model = TinyDit.Model(_weights);
        Tensor pixels = Numbers.Stream(3, 2, 3, 64, 64), text = Numbers.Stream(2, 2, 5, 32);
        Tensor both = model.Run(pixels, text, VisionRequest.Plain, 0, CancellationToken.None);

        Tensor[] each = [.. Enumerable.Range(0, 2).Select(
            i => model.Run(pixels.narrow(0, i, 1), text.narrow(0, i, 1), VisionRequest.Plain, 0, CancellationToken.None))];

        Assert.True(both.allclose(cat(each, 0), 1e-4, 1e-5));
    }

    [Fact]
    public void A_probability_above_0_35_is_a_logit_above_its_own()
    {
        Tensor logits = tensor(new float[] { -0.61904f, -0.61903f }, [1, 2]);

        Assert.Equal([0f, 1f], DitMasks.Binary(logits, 0.35).data<float>().ToArray());
    }

    [Fact]
    public void The_encoder_gives_features_under_a_condition()
    {
        using DitModel model = TinyDit.Model(_weights);
        using DitVisionEncoder encoder = new(model, 64);
        using VisionInput input = encoder.Prepare([.. Enumerable.Range(0, 3 * 40 * 20).Select(i => (byte)(i * 7))], 40, 20);
        Tensor condition = Numbers.Stream(2, 5, 32);

        LiveTensors.MustNotGrow(() => encoder.Encode([input], new VisionRequest { Condition = condition }, CancellationToken.None)[0].Dispose());
        using VisionFeatures with = encoder.Encode([input], new VisionRequest { Condition = condition }, CancellationToken.None)[0];
        using VisionFeatures without = encoder.Encode([input], VisionRequest.Plain, CancellationToken.None)[0];

        Assert.Equal([16L, 16], with.Tokens.shape);
        Assert.Equal(new VisualGrid(4, 4), with.Segments[0].Grid);
        // The picture lies in the middle rows: 40 pixels are 64 wide, and 20 are 32 high.
        Assert.Equal(new PictureArea(0, -10, 40, 40), with.Segments[0].Area);
        Assert.False(with.Tokens.allclose(without.Tokens, 0, 1e-3));
        Assert.True(with.Macs > without.Macs);
        Assert.Contains(
            "[tokens, 32]",
            Assert.Throws<ApertureException>(() => encoder.Encode([input], new VisionRequest { Condition = zeros(5, 8) }, CancellationToken.None)).Message);
    }

    private static Tensor Embedding(DitModel model, Tensor text, VisionTrunkHooks? hooks = null)
        => model.Encode(
            model.Sam.Encoder.Embed(Numbers.Stream(1, 1, 3, 128, 128)), model.Read(text), new VisionRequest { Hooks = hooks }, 0,
            CancellationToken.None).Embedding;
}
