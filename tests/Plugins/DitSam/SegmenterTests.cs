using System.Text.Json;
using Aperture.Decoding;
using Aperture.Plugins.DitSam.Dit;
using Aperture.Plugins.DitSam.Sam;
using Aperture.Tasks;
using Aperture.Tests;
using Aperture.Vision;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Plugins.DitSam.Tests;

/// <summary>Both segmenters as users open and ask them, and what they refuse.</summary>
public sealed class SegmenterTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("aperture-dit-").FullName;
    private readonly string _dit;

    public SegmenterTests() => _dit = TinyDit.Save(_folder, TinyDit.Weights());

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_sentence_finds_a_mask_of_the_pictures_size()
    {
        using ISegmenter dit = Dit();
        SegmentPrompt[] prompts = [new() { Text = "the red bag" }, new() { Text = "the left" }, new() { Points = [new PromptPoint(5, 5)] }];

        IReadOnlyList<IReadOnlyList<SegmentedMask>> found = dit.Segment(Picture(30, 20), prompts, TaskRun.Plain);

        Assert.Equal(3, found.Count);
        Assert.All(found, masks => Assert.Equal((30, 20), (masks[0].Mask.Width, masks[0].Mask.Height)));
        Assert.True(double.IsNaN(found[0][0].Score));
        Assert.NotEqual(found[0][0].Logits!.Floats.ToArray(), found[1][0].Logits!.Floats.ToArray());
        Assert.Equal((32, 32), (found[0][0].Logits!.Width, found[0][0].Logits!.Height));
    }

    [Fact]
    public void A_sentence_asked_again_is_not_read_again_and_gives_the_same()
    {
        using ISegmenter dit = Dit();
        Clock first = new(), second = new();
        SegmentPrompt[] prompt = [new() { Text = "the red bag" }];
        MaskImage before = dit.Segment(Picture(30, 20), prompt, new TaskRun { Clock = first })[0][0].Logits!;

        MaskImage after = dit.Segment(Picture(30, 20), prompt, new TaskRun { Clock = second })[0][0].Logits!;

        Assert.Equal(before.Floats.ToArray(), after.Floats.ToArray());
        Assert.Equal(["image encoder", "mask decoder", "sentence", "text encoder"], first.Flops.Keys.Order());
        Assert.Equal(["image encoder", "mask decoder"], second.Flops.Keys.Order());
        Assert.Equal(["picture", "vision", "text", "mask"], first.Stages);
    }

    [Fact]
    public void Weights_in_few_bits_that_gain_nothing_are_told_of_and_unknown_formats_are_refused()
    {
        List<string> lines = [];
        using ISegmenter stored = Dit(), eight = Dit(options: new { Weights = "int8" }, tell: lines.Add);
        SegmentPrompt[] prompt = [new() { Text = "the red bag" }];

        Assert.Equal(
            stored.Segment(Picture(30, 20), prompt, TaskRun.Plain)[0][0].Logits!.Floats.ToArray(),
            eight.Segment(Picture(30, 20), prompt, TaskRun.Plain)[0][0].Logits!.Floats.ToArray());
        Assert.StartsWith("dit-sam: Weights in int8 change nothing", Assert.Single(lines), StringComparison.Ordinal);
        ApertureException error = Assert.Throws<ApertureException>(() => Dit(options: new { Weights = "int4" }));
        Assert.Equal("dit-sam: Weights is int4; it can be stored, int8.", error.Message);
    }

    [Fact]
    public void Eight_bits_give_the_same_for_any_threads_and_nearly_what_stored_weights_give()
    {
        using TensorWeights weights = TinyDit.Weights();
        float[] stored = Logits(1, WeightFormat.Stored), eight = Logits(1, WeightFormat.Int8);

        Assert.Equal(eight, Logits(2, WeightFormat.Int8));
        double off = Math.Sqrt(stored.Zip(eight, (a, b) => (double)(a - b) * (a - b)).Sum() / stored.Sum(value => (double)value * value));
        Assert.InRange(off, 1e-5, 0.1);

        float[] Logits(int threads, WeightFormat format)
        {
            using IDisposable quiet = inference_mode();
            using Ops ops = new(CPU, ScalarType.Float32, threads) { Weights = format };
            IWeightSource named = DitKeys.UnderSamNames(weights);
            using DitModel model = new(named, DitConfig.Read(named, TinyDit.Options), WeightPolicy.Of(ops));
            using Tensor pixels = ones(1, 3, TinyDit.Side, TinyDit.Side), text = ones(1, 4, TinyDit.Width);
            using Tensor logits = model.Run(pixels, text, VisionRequest.Plain, 0, default);
            return logits.data<float>().ToArray();
        }
    }

    [Fact]
    public void Sentences_share_the_picture_where_they_do_not_enter_its_encoder()
    {
        string path = TinyDit.Save(_folder, TinyDit.Weights(DitVariant.Default), "default.safetensors");
        using ISegmenter dit = Dit(path);
        Clock one = new(), three = new();
        SegmentPrompt[] prompts = [new() { Text = "the red bag" }, new() { Text = "the blue bag" }, new() { Text = "left" }];
        dit.Segment(Picture(30, 20), prompts[..1], new TaskRun { Clock = one });

        dit.Segment(Picture(30, 20), prompts, new TaskRun { Clock = three });

        Assert.Equal(one.Flops["image encoder"], three.Flops["image encoder"]);
        Assert.Equal(3 * one.Flops["mask decoder"], three.Flops["mask decoder"]);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(8000, 50)]
    [InlineData(2, 900)]
    public void Pictures_of_any_shape_are_segmented(int width, int height)
    {
        using ISegmenter dit = Dit(), sam = Sam();
        Picture picture = Picture(width, height);

        MaskImage byText = dit.Segment(picture, [new SegmentPrompt { Text = "the red bag" }], TaskRun.Plain)[0][0].Mask;
        MaskImage byBox = sam.Segment(picture, [new SegmentPrompt { Box = new PixelBox(0, 0, width, height) }], TaskRun.Plain)[0][0].Mask;

        Assert.Equal((width, height), (byText.Width, byText.Height));
        Assert.Equal((width, height), (byBox.Width, byBox.Height));
    }

    [Fact]
    public void A_sentence_over_the_limit_is_cut()
    {
        using ISegmenter dit = Dit();
        string words = string.Join(' ', Enumerable.Repeat("red", 18));

        MaskImage cut = Logits(words + " blue bag left");

        Assert.Equal(Logits(words).Floats.ToArray(), cut.Floats.ToArray());
        Assert.NotEqual(Logits("blue " + words).Floats.ToArray(), cut.Floats.ToArray());
        MaskImage Logits(string text) => dit.Segment(Picture(30, 20), [new SegmentPrompt { Text = text }], TaskRun.Plain)[0][0].Logits!;
    }

    [Fact]
    public void Masks_of_the_pictures_size_and_logits_are_prompts()
    {
        using ISegmenter sam = Sam();
        Picture picture = Picture(40, 30);
        PromptPoint[] points = [new PromptPoint(10, 10)];
        SegmentedMask[] readings = [.. sam.Segment(picture, [new SegmentPrompt { Points = points, AllReadings = true }], TaskRun.Plain)[0]];
        Assert.Equal(readings.OrderByDescending(mask => mask.Score), readings);
        Assert.Equal(3, readings.Length);

        MaskImage drawn = new(Enumerable.Range(0, 40 * 30).Select(i => (byte)(i % 40 < 20 ? 255 : 0)).ToArray(), 40, 30);
        float[] without = Ask(null), withLogits = Ask(readings[0].Logits), withDrawn = Ask(drawn);

        Assert.NotEqual(without, withLogits);
        Assert.NotEqual(withLogits, withDrawn);
        MaskImage other = new(new byte[6], 3, 2);
        Assert.Contains("A mask of 3x2 pixels cannot be a prompt here", Assert.Throws<ApertureException>(() => Ask(other)).Message);
        float[] Ask(MaskImage? mask)
            => sam.Segment(picture, [new SegmentPrompt { Points = points, Mask = mask }], TaskRun.Plain)[0][0].Logits!.Floats.ToArray();
    }

    [Fact]
    public void Padding_of_sentences_may_be_left_out()
    {
        using ISegmenter published = Dit(), masked = Dit(options: new { MaskTextPadding = true });
        SegmentPrompt[] prompt = [new() { Text = "the red bag" }];

        float[] with = published.Segment(Picture(30, 20), prompt, TaskRun.Plain)[0][0].Logits!.Floats.ToArray();

        Assert.NotEqual(with, masked.Segment(Picture(30, 20), prompt, TaskRun.Plain)[0][0].Logits!.Floats.ToArray());
    }

    [Theory]
    [InlineData("BFloat16")]
    [InlineData("Float32")]
    public void The_image_encoder_computes_in_the_type_asked_for(string type)
    {
        using ISegmenter single = Dit(), asked = Dit(options: new { Dtype = type });
        SegmentPrompt[] prompt = [new() { Text = "the red bag" }];
        float[] expected = single.Segment(Picture(30, 20), prompt, TaskRun.Plain)[0][0].Logits!.Floats.ToArray();

        float[] found = asked.Segment(Picture(30, 20), prompt, TaskRun.Plain)[0][0].Logits!.Floats.ToArray();

        float largest = expected.Max(Math.Abs), difference = expected.Zip(found, (a, b) => Math.Abs(a - b)).Max();
        Assert.InRange(difference, type == "Float32" ? 0 : 1e-6f, type == "Float32" ? 0 : 0.1f * largest);
    }

    [Fact]
    public void Nothing_is_left_behind()
    {
        LiveTensors.MustNotGrow(() =>
        {
            using ISegmenter dit = Dit(options: new { ImageSize = 64 }), sam = Sam();
            for (int i = 0; i < SentenceCache.Capacity + 3; i++)
            {
                dit.Segment(Picture(8, 8), [new SegmentPrompt { Text = $"the red bag {i}" }], TaskRun.Plain);
            }

            sam.Segment(Picture(8, 8), [new SegmentPrompt { Points = [new PromptPoint(1, 1)], Box = new PixelBox(0, 0, 4, 4) }], TaskRun.Plain);
            Assert.Throws<ApertureException>(() => dit.Segment(Picture(8, 8), [new SegmentPrompt { Text = " " }], TaskRun.Plain));
            Assert.Throws<OperationCanceledException>(
                () => dit.Segment(Picture(8, 8), [new SegmentPrompt { Text = "x" }], new TaskRun { Cancellation = new CancellationToken(true) }));
        });
        LiveTensors.MustNotGrow(() => Assert.Throws<ApertureException>(() => Dit(options: new { ImageSize = 100 })));
    }

    [Theory]
    [InlineData("""{"Variant": "Sideways"}""", "Variant")]
    [InlineData("""{"Variant": "TokenLayerWise"}""", "tensors are those of LayerWise or EndToEnd")]
    [InlineData("""{"Backbone": "VitH"}""", "4 blocks of width 32")]
    [InlineData("""{"ImageSize": 100}""", "ImageSize 100 is not a multiple of the checkpoint's patches of 16 pixels; 96 is")]
    [InlineData("""{"ImageSize": 5000}""", "from 64 to 2048")]
    [InlineData("""{"MaxTokens": 2}""", "from 3 to 512")]
    [InlineData("""{"MaxTokens": 60}""", "24 positions")]
    [InlineData("""{"BertLayers": 3}""", "the checkpoint's text encoder has 1")]
    [InlineData("""{"MaskThreshold": 1}""", "above 0 and below 1")]
    [InlineData("""{"DecoderHeads": 3}""", "set DecoderHeads")]
    [InlineData("""{"TextHeads": 5}""", "is not a multiple of 5 attention heads")]
    [InlineData("""{"Tokenizer": "nowhere"}""", "nowhere")]
    [InlineData("""{"Sidewalk": 1}""", "unknown option 'Sidewalk'")]
    public void What_does_not_fit_is_one_line(string options, string expected)
    {
        string defaults = options.Contains("Heads", StringComparison.Ordinal) ? "" : """, "DecoderHeads": 2, "TextHeads": 2""";
        defaults = options.Contains("TextHeads", StringComparison.Ordinal) ? """, "DecoderHeads": 2""" : defaults;
        JsonElement json = JsonSerializer.Deserialize<JsonElement>(options[..^1] + defaults + "}");

        ApertureException error = Assert.Throws<ApertureException>(() => new DitFactory().Open(_dit, json, CPU, new FactoryFiles(_folder)).Dispose());

        Assert.Contains(expected, error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void Checkpoints_of_something_else_are_one_line()
    {
        string sam = SamFile(), tokens = TinyDit.Save(_folder, TinyDit.Weights(DitVariant.TokenLayerWise), "tokens.safetensors");
        string Message(string path, object options) => Assert.Throws<ApertureException>(() => Dit(path, options).Dispose()).Message;

        Assert.Contains("A plain SAM is opened as 'segment-anything'", Message(sam, new { }));
        Assert.Contains("those of TokenLayerWise", Message(tokens, new { Variant = "LayerWise" }));
        Assert.Contains("has learned rows for 20", Message(tokens, new { MaxTokens = 19 }));
        string cross = TinyDit.Save(_folder, TinyDit.Weights(), "cross.safetensors", name => name.Replace("probs.0.weight", "cross.0.weight"));
        Assert.Contains("cross_attention net", Message(cross, new { }));
        string damaged = TinyDit.Save(
            _folder, TinyDit.Weights(), "damaged.safetensors", name => name.Contains("neck.2", StringComparison.Ordinal) ? null : name);
        Assert.Contains("neck.2.weight", Message(damaged, new { }));
        using ISegmenter segmenter = Sam();
        string refused = Assert.Throws<ApertureException>(() => segmenter.Segment(Picture(8, 8), [new SegmentPrompt { Text = "a" }], TaskRun.Plain)).Message;
        Assert.Contains("takes no Text", refused);
        Assert.Contains("open a DIT", refused);
    }

    [Fact]
    public void Token_variants_and_the_end_to_end_one_run()
    {
        foreach (DitVariant variant in new[] { DitVariant.TokenLayerWise, DitVariant.EndToEndToken, DitVariant.EndToEnd })
        {
            using ISegmenter dit = Dit(TinyDit.Save(_folder, TinyDit.Weights(variant), "variant.safetensors"), new { Variant = $"{variant}" });
            MaskImage red = dit.Segment(Picture(30, 20), [new SegmentPrompt { Text = "red" }], TaskRun.Plain)[0][0].Logits!;
            MaskImage blue = dit.Segment(Picture(30, 20), [new SegmentPrompt { Text = "blue" }], TaskRun.Plain)[0][0].Logits!;
            Assert.NotEqual(red.Floats.ToArray(), blue.Floats.ToArray());
        }
    }

    private static Picture Picture(int width, int height)
        => new(Enumerable.Range(0, 3 * width * height).Select(i => (byte)(i * 31)).ToArray(), width, height);

    private ISegmenter Dit(string? path = null, object? options = null, Action<string>? tell = null)
    {
        Dictionary<string, JsonElement> all = JsonSerializer.Deserialize<Dictionary<string, JsonElement>>("""{"DecoderHeads": 2, "TextHeads": 2}""")!;
        foreach (JsonProperty property in JsonSerializer.SerializeToElement(options ?? new { }).EnumerateObject())
        {
            all[property.Name] = property.Value.Clone();
        }

        return new DitFactory().Open(path ?? _dit, JsonSerializer.SerializeToElement(all), CPU, new FactoryFiles(_folder, tell: tell));
    }

    private string SamFile() => TinyDit.Save(
        _folder, TinyDit.Weights(variant: null, maskChannels: 16), "sam.safetensors", name => name.StartsWith(DitKeys.Bert, StringComparison.Ordinal) ? null
            : name.Replace(DitKeys.Encoder, SamKeys.Encoder, StringComparison.Ordinal));

    private ISegmenter Sam()
        => new SamFactory().Open(SamFile(), JsonSerializer.SerializeToElement(new { TinyDit.DecoderHeads }), CPU, new FactoryFiles(_folder));

    private sealed class Clock : ITaskClock
    {
        public Dictionary<string, long> Flops { get; } = [];

        public List<string> Stages { get; } = [];

        public void Enter(string stage)
        {
            if (!Stages.Contains(stage))
            {
                Stages.Add(stage);
            }
        }

        public void Count(string part, long flops) => Flops[part] = Flops.GetValueOrDefault(part) + flops;
    }
}
