using Aperture.Plugins.DitSam.Dit;
using Aperture.Plugins.DitSam.Sam;
using Aperture.Plugins.DitSam.Training;
using Aperture.Vision;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.DitSam.Tests;

/// <summary>What the official code gives on numbers that anybody can make again.</summary>
public sealed class PublishedNumbersTests
{
    private const double Tolerance = 2e-5;

    [Fact]
    public void The_generator_is_the_one_that_was_used()
    {
        using Tensor stream = Numbers.Stream(101, 4);
        Check(stream, [0.800606066, -0.531066437, 0.384741612, -0.016281634], []);
    }

    [Theory]
    [InlineData(nameof(DitVariant.LayerWise), false, new[] { -0.651544, -1.211400, 0.256848, -1.382437, 0.264123, 0.457736 }, new[] { 0.721260, 0.192518 })]
    [InlineData(nameof(DitVariant.LayerWise), true, new[] { -0.928893, -0.977895, 0.009332, -0.761775, 0.156077, -0.097533 }, new[] { 1.340485, -0.146898 })]
    [InlineData(nameof(DitVariant.EndToEnd), false, new[] { -0.805778, -1.007306, 0.520923, -0.734161, -0.085674, 0.720653 }, new[] { 1.652632, 0.214947 })]
    public void The_image_encoder_reads_a_sentence(string variant, bool zeroProjections, double[] first, double[] last)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable quiet = no_grad();
        using TensorWeights weights = TinyDit.Weights();
        foreach (string name in weights.Names.Where(name => zeroProjections && name.Contains("probs.", StringComparison.Ordinal)))
        {
            weights.Load(name).zero_();
        }

        Tensor sentence = Numbers.Stream(202, 2, 5, 32), pixels = Numbers.Stream(101, 2, 3, 64, 64);
        foreach (bool runsSentence in new[] { true, false })
        {
            using DitModel model = TinyDit.Model(weights, TinyDit.Options with { Variant = Enum.Parse<DitVariant>(variant) }, runsSentence);
            Tensor found = model.Encode(model.Sam.Encoder.Embed(pixels), model.Read(sentence), VisionRequest.Plain, 0, CancellationToken.None).Embedding;
            Assert.Equal([2L, 16, 4, 4], found.shape);
            Check(found, first, last);
        }
    }

    [Fact]
    public void A_sentence_of_another_width_is_made_as_wide_as_the_encoder()
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable quiet = no_grad();
        using TensorWeights weights = TinyDit.Weights(depth: 2, textWidth: 768);
        using DitModel model = TinyDit.Model(weights);
        DitSentences sentence = model.Read(Numbers.Stream(707, 2, 5, 768));
        Tensor found = model.Encode(
            model.Sam.Encoder.Embed(Numbers.Stream(101, 2, 3, 64, 64)), sentence, VisionRequest.Plain, 0, CancellationToken.None).Embedding;
        Check(found, [-0.674749, 1.311496, -0.069795, 0.679596, -0.135577, -1.054456], [0.573400, 0.350556]);
    }

    [Fact]
    public void Segment_anything_finds_the_masks_of_points()
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable quiet = no_grad();
        using TensorWeights weights = TinyDit.Weights(variant: null);
        IWeightSource named = DitKeys.UnderSamNames(weights);
        using SamModel model = new(named, SamConfig.Read(named, TinyDit.DecoderHeads), everywhere: false, TinyDit.Policy);
        Tensor embedding = model.Encode(Numbers.Stream(303, 1, 3, 128, 128), CancellationToken.None).Embedding;
        Check(embedding, [1.183523, 0.314313, 0.642928, 0.674806, -0.168978, 1.367219], [-0.246451, 0.977691]);

        Tensor points = tensor(new float[] { 30, 40, 100, 20 }, [1, 2, 2]), labels = tensor(new long[] { 1, 0 }, [1, 2]);
        Tensor sparse = model.Prompts.Points(points, labels, TinyDit.Side, pad: true);
        Assert.Equal([1L, 3, 16], sparse.shape);
        Check(sparse, [1.173420, -0.778179, -0.389043, -0.952250, -0.445728, 1.048924], [0.179836, 0.364245]);
        DecodedMasks masks = model.Decode(embedding, sparse, null, allReadings: true);
        Assert.Equal([1L, 3, 32, 32], masks.Logits.shape);
        Check(masks.Logits, [-0.005443, 0.051195, -0.049225, 0.045045, -0.027508, 0.050657], []);
        Check(masks.Scores, [0.599952, -0.485912, -0.411086], []);
    }

    [Fact]
    public void Prompts_are_encoded()
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable quiet = no_grad();
        using TensorWeights weights = TinyDit.Weights(), wide = TinyDit.Weights(maskChannels: 16);
        using DitModel model = TinyDit.Model(weights), other = TinyDit.Model(wide);
        PromptEncoder prompts = model.Sam.Prompts;
        Check(prompts.Grid(4, 4), [0.964733, 0.486805, -0.731357, -0.837420, 0.932208, 0.574824], []);
        Tensor box = prompts.Boxes(tensor(new float[] { 10, 12, 90, 80 }, [1, 4]), TinyDit.Side);
        Check(box, [0.478000, -0.738933, -0.512671, 0.023434, -0.417553, -0.192590], [0.322882, 0.478163]);
        Tensor mask = other.Sam.Prompts.Masks(Numbers.Stream(606, 1, 1, 32, 32));
        Check(mask, [0.060274, -0.616544, -0.097424, -0.671690, 0.009668, 0.546539], [-0.068426, 0.189500]);
    }

    [Fact]
    public void The_mask_decoder_takes_a_sentence()
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable quiet = no_grad();
        using TensorWeights weights = TinyDit.Weights();
        using DitModel model = TinyDit.Model(weights);
        Tensor embedding = model.Encode(
            model.Sam.Encoder.Embed(Numbers.Stream(101, 2, 3, 64, 64)), model.Read(Numbers.Stream(202, 2, 5, 32)), VisionRequest.Plain, 0,
            CancellationToken.None)
            .Embedding;
        DecodedMasks masks = model.Sam.Decode(embedding, Numbers.Stream(404, 2, 5, 16), null, allReadings: false);
        Check(masks.Logits, [0.542877, -0.066447, 0.153580, -0.183848, 0.573111, -0.078431], []);
        Check(masks.Scores, [-1.064789, -0.794352], []);
        Tensor large = model.Upsample(masks.Logits);
        Check(large, [0.542877, 0.397800, 0.252722, 0.107645, -0.037432, -0.024537], []);
        Assert.Equal([2624L, 3015], large.gt(0).sum([1, 2, 3]).data<long>().ToArray());
        Tensor loss = MaskLosses.Bce(large, Numbers.Stream(505, 2, 1, 64, 64).gt(0).to_type(ScalarType.Float32));
        Assert.Equal(0.698048, loss.item<float>(), Tolerance);
    }

    private static void Check(Tensor found, double[] first, double[] last)
    {
        float[] values = found.flatten().data<float>().ToArray();
        Assert.All(first.Index(), number => Assert.Equal(number.Item, values[number.Index], Tolerance));
        Assert.All(last.Index(), number => Assert.Equal(number.Item, values[values.Length - last.Length + number.Index], Tolerance));
    }
}
