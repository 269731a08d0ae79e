using System.Text.Json;
using Aperture.Images;
using Aperture.Plugins.DitSam.Dit;
using Aperture.Plugins.DitSam.Sam;
using Aperture.Plugins.DitSam.Training;
using Aperture.Tasks;
using Aperture.Tests;
using Aperture.Training;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.DitSam.Tests;

/// <summary>Training: what is trained, from what, what is saved, and what is refused.</summary>
public sealed class TrainingTests : IDisposable
{
    private const double Rate = 0.005;

    private readonly string _folder = Directory.CreateTempSubdirectory("aperture-dit-").FullName;
    private readonly string _output;

    public TrainingTests()
    {
        _output = Directory.CreateDirectory(Path.Combine(_folder, "out")).FullName;
        Image.Filled(24, 20, 250, 10, 10).SavePng(Path.Combine(_folder, "red.png"));
        byte[] mask = new byte[24 * 20];
        mask.AsSpan(0, 24 * 10).Fill(255);
        Image.FromPixels(ImageMode.L, mask, 24, 20).SavePng(Path.Combine(_folder, "mask.png"));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_training_from_a_sam_and_a_bert_learns_and_gives_a_dit()
    {
        string sam = TinyDit.Save(
            _folder, TinyDit.Weights(variant: null), "sam.safetensors", name => name.StartsWith(DitKeys.Bert, StringComparison.Ordinal) ? null
                : name.Replace(DitKeys.Encoder, SamKeys.Encoder, StringComparison.Ordinal));
        TinyDit.Save(
            _folder, TinyDit.Weights(), "bert.safetensors", name => name.StartsWith(DitKeys.Bert, StringComparison.Ordinal)
                ? "bert." + name[DitKeys.Bert.Length..] : null);
        object options = new
        {
            Bert = "bert.safetensors",
            DecoderHeads = 2,
            TextHeads = 2,
            ImageSize = 64,
            Steps = 20,
            BatchSize = 2,
            RateRule = "Shared",
            Ema = 0,
            Dropout = 0,
            LargestGradient = 1,
            Augment = false,
        };
        List<double> losses = [];
        LiveTensors.MustNotGrow(() =>
        {
            using ITaskTraining run = Begin(sam, options);
            Assert.All(run.Parameters.Values, parameter => Assert.True(parameter.requires_grad && parameter.is_leaf));
            Assert.Contains("visual_encoder.probs.3.weight", run.Parameters.Keys);
            Assert.DoesNotContain("mask_decoder.iou_prediction_head.layers.0.weight", run.Parameters.Keys);
            losses = Train(run, rate: 2 * Rate);
            TrainingResult result = run.Save();
            Assert.Equal(["dit.safetensors", "vocab.txt", "task.json"], result.Files.Select(Path.GetFileName));
        });

        Assert.True(losses.Min() < 0.6 * losses[0], string.Join(' ', losses));
        using ISegmenter dit = new DitFactory().Open(
            Path.Combine(_output, "dit.safetensors"), Json(new { DecoderHeads = 2, TextHeads = 2, ImageSize = 64 }), CPU, new FactoryFiles(_output));
        Aperture.Vision.MaskImage found = dit.Segment(
            Image.Load(Path.Combine(_folder, "red.png")).ToPicture(), [new SegmentPrompt { Text = "the red bag" }], TaskRun.Plain)[0][0].Mask;
        Assert.True(found.IsInside(12, 3) && !found.IsInside(12, 17));
    }

    [Fact]
    public void Means_follow_and_are_what_is_saved()
    {
        string dit = TinyDit.Save(_folder, TinyDit.Weights());
        using ITaskTraining run = Begin(
            dit, new { DecoderHeads = 2, TextHeads = 2, ImageSize = 64, Steps = 2, BatchSize = 1, Rate = 0.1, RateRule = "Shared" });
        string name = "text_proj.weight";
        using Tensor start = run.Parameters[name].detach().clone();
        Train(run, steps: 1);
        using Tensor first = run.Parameters[name].detach().clone();
        Train(run, steps: 2, from: 1);
        run.Save();
        using IWeightSource saved = WeightFiles.Open(Path.Combine(_output, "dit.safetensors"));
        using DisposeScope scope = NewDisposeScope();
        // Update 0 keeps 1/10, update 1 keeps 2/11.
        Tensor mean = start.mul(0.1).add(first.mul(0.9)).mul(2.0 / 11).add(run.Parameters[name].detach().mul(9.0 / 11));

        Assert.True(saved.Load(name).allclose(mean, 1e-5, 1e-6));
        Assert.False(mean.allclose(run.Parameters[name], 1e-3, 1e-4));
        Assert.Equal(new TensorNames(TinyDit.Weights()).All, saved.Names.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void What_the_weights_do_not_tell_is_written_beside_them()
    {
        string dit = TinyDit.Save(_folder, TinyDit.Weights());
        object options = new
        {
            DecoderHeads = 2,
            TextHeads = 2,
            ImageSize = 64,
            MaxTokens = 9,
            Steps = 1,
            BatchSize = 1,
            RateRule = "Step",
            DecayEpochs = (object?)null,
            SaveHalf = true,
        };
        using (ITaskTraining run = Begin(dit, options))
        {
            Train(run, steps: 1);
            run.Save();
        }

        TaskSettings settings = TaskSettings.Of(_output)!;
        Assert.Equal(("dit-sam", "dit.safetensors"), (settings.Architecture, settings.Weights));
        Assert.Equal(
            """{"Variant":"LayerWise","TextHeads":2,"DecoderHeads":2,"MaxTokens":9,"ImageSize":64}""", settings.Options!.ToJsonString());
        using IWeightSource saved = WeightFiles.Open(Path.Combine(_output, "dit.safetensors"));
        Assert.Equal(ScalarType.Float16, saved.Describe("text_proj.weight").ScalarType);
        Assert.Equal(ScalarType.Float32, saved.Describe("text_proj.bias").ScalarType);
    }

    [Theory]
    [InlineData("Sam", false, true)]
    [InlineData("SamAndBert", false, false)]
    [InlineData("None", true, true)]
    public void What_is_frozen_has_no_part(string freeze, bool encoder, bool bert)
    {
        string dit = TinyDit.Save(_folder, TinyDit.Weights());
        using ITaskTraining run = Begin(dit, new { DecoderHeads = 2, TextHeads = 2, ImageSize = 64, Freeze = freeze });

        Assert.Equal(encoder, run.Parameters.ContainsKey("visual_encoder.blocks.0.attn.qkv.weight"));
        Assert.Equal(bert, run.Parameters.ContainsKey("lang_encoder.bert.embeddings.word_embeddings.weight"));
        Assert.Contains("visual_encoder.probs.0.weight", run.Parameters.Keys);
        Assert.Contains("text_proj.bias", run.Parameters.Keys);
    }

    [Theory]
    [InlineData("EndToEnd")]
    [InlineData("TokenLayerWise")]
    [InlineData("EndToEndToken")]
    [InlineData("Default")]
    public void Every_variant_may_be_made_of_a_sam(string variant)
    {
        string sam = TinyDit.Save(_folder, TinyDit.Weights(variant: null));
        object options = new { DecoderHeads = 2, TextHeads = 2, ImageSize = 64, Variant = variant, BatchSize = 1, RateRule = "Shared" };
        using ITaskTraining run = Begin(sam, options);

        Assert.True(double.IsFinite(Train(run, steps: 1)[0]));
        run.Save();
        using IWeightSource saved = WeightFiles.Open(Path.Combine(_output, "dit.safetensors"));
        Assert.Equal(Enum.Parse<DitVariant>(variant), DitVariants.Find(DitKeys.UnderSamNames(saved), Enum.Parse<DitVariant>(variant)));
    }

    [Fact]
    public void A_step_draws_the_same_whenever_it_is_run()
    {
        string dit = TinyDit.Save(_folder, TinyDit.Weights());
        object options = new { DecoderHeads = 2, TextHeads = 2, ImageSize = 64, BatchSize = 2, Steps = 9 };
        using ITaskTraining one = Begin(dit, options), other = Begin(dit, options);
        double Loss(ITaskTraining run, int step)
        {
            using DisposeScope scope = NewDisposeScope();
            return run.Step(step, [0, 1], CancellationToken.None).Loss!.item<float>();
        }

        double third = Loss(one, 3);

        Assert.NotEqual(third, Loss(one, 4));
        Assert.Equal(third, Loss(other, 3));
    }

    [Fact]
    public void Left_and_right_change_places_with_the_picture()
        => Assert.Equal("right bag, left of the right one", DitSample.Swapped("left bag, right of the left one"));

    [Fact]
    public void Recolouring_is_pillows()
    {
        Image image = Image.FromRgb([10, 100, 250, 30, 60, 90], 2, 1);

        Assert.Equal([5, 50, 125, 15, 30, 45], Recolouring.Brightness(image, 0.5).Pixels.ToArray());
        Assert.Equal([20, 200, 255, 60, 120, 180], Recolouring.Brightness(image, 2).Pixels.ToArray());
        // Grey is 90 and 54; their mean is 72.
        Assert.Equal([41, 86, 161, 51, 66, 81], Recolouring.Contrast(image, 0.5).Pixels.ToArray());
        Assert.Equal([90, 90, 90, 54, 54, 54], Recolouring.Saturation(image, 0).Pixels.ToArray());
    }

    [Theory]
    [InlineData("""{"image": "red.png", "text": "a", "mask": "nowhere.png"}""", "nowhere.png', which does not exist")]
    [InlineData("""{"image": "nowhere.png", "text": "a", "mask": "mask.png"}""", "nowhere.png', which does not exist")]
    [InlineData("""{"image": "red.png", "text": "a"}""", "sample 1 has no mask")]
    [InlineData("""{"image": "red.png", "mask": "mask.png"}""", "sample 1 has no sentence")]
    [InlineData("""{"text": "a", "mask": "mask.png"}""", "has 0 pictures instead of one")]
    public void Samples_that_do_not_serve_are_one_line(string line, string expected)
    {
        string dit = TinyDit.Save(_folder, TinyDit.Weights());
        TaskSample sample = Sample(line);

        ApertureException error = Assert.Throws<ApertureException>(
            () => new DitFactory().BeginTraining(dit, [sample], Json(new { DecoderHeads = 2, TextHeads = 2 }), CPU, new FactoryFiles(_folder), _output));

        Assert.Contains(expected, error.Message);
    }

    [Fact]
    public void A_start_without_a_text_encoder_asks_for_one()
    {
        string sam = TinyDit.Save(
            _folder, TinyDit.Weights(variant: null), "sam.safetensors", name => name.StartsWith(DitKeys.Bert, StringComparison.Ordinal) ? null : name);

        LiveTensors.MustNotGrow(() => Assert.Contains(
            "has no text encoder; name one as Bert", Assert.Throws<ApertureException>(() => Begin(sam, new { DecoderHeads = 2, TextHeads = 2 })).Message));
    }

    private static JsonElement Json(object options) => JsonSerializer.SerializeToElement(options);

    // The optimizer is the simplest there is: what is looked at is where gradients point.
    private static List<double> Train(ITaskTraining run, int? steps = null, int from = 0, double rate = Rate)
    {
        List<double> losses = [];
        for (int step = from; step < (steps ?? run.Plan.Steps); step++)
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor loss = run.Step(step, [0, 1], CancellationToken.None).Loss!;
            losses.Add(loss.item<float>());
            loss.backward();
            using IDisposable quiet = no_grad();
            foreach (Tensor parameter in run.Parameters.Values)
            {
                if (parameter.grad is { } gradient)
                {
                    parameter.sub_(gradient.sign().mul(rate));
                    parameter.grad = null;
                }
            }
        }

        return losses;
    }

    private ITaskTraining Begin(string checkpoint, object options)
    {
        TaskSample sample = Sample("""{"image": "red.png", "text": "the red bag", "sentences": ["left bag", "the bag"], "mask": "mask.png"}""");
        return new DitFactory().BeginTraining(checkpoint, [sample, sample], Json(options), CPU, new FactoryFiles(_folder), _output);
    }

    private TaskSample Sample(string line)
    {
        Dictionary<string, JsonElement> fields = JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(line)!;
        string[] pictures = fields.Remove("image", out JsonElement image) ? [Path.Combine(_folder, image.GetString()!)] : [];
        string text = fields.Remove("text", out JsonElement sentence) ? sentence.GetString()! : "";
        return new TaskSample(pictures, text, new Dictionary<string, double>()) { Folder = _folder, Fields = fields };
    }

    private sealed class TensorNames
    {
        public TensorNames(TensorWeights weights)
        {
            using (weights)
            {
                All = [.. weights.Names.Order(StringComparer.Ordinal)];
            }
        }

        public IReadOnlyList<string> All { get; }
    }
}
