using System.Text.Json;
using Aperture.Diffusion;
using Aperture.Images;
using Aperture.Plugins.DyVte.Tests.Analysis;
using Aperture.Plugins.InstDiffEdit.Training;
using Aperture.Tasks;
using Aperture.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.InstDiffEdit.Tests;

/// <summary>Training of a latent diffusion model's parts, from an untrained one that a command writes.</summary>
[Trait("Category", "Process")] // Starts none, but trains.
public sealed class DiffusionTrainingTests : IDisposable
{
    private const int Side = 64;

    private readonly string _folder = Directory.CreateTempSubdirectory("aperture-diffusion-").FullName;
    private readonly string _samples, _start;

    public DiffusionTrainingTests()
    {
        _samples = Path.Combine(_folder, "samples.jsonl");
        string[] colors = ["red", "green"];
        for (int picture = 0; picture < colors.Length; picture++)
        {
            byte[] pixels = [.. Enumerable.Range(0, Side * Side).SelectMany(i => Inside(i) ? Color(picture) : new byte[] { 40, 40, 60 })];
            Image.FromRgb(pixels, Side, Side).SavePng(Path.Combine(_folder, $"{picture}.png"));
        }

        File.WriteAllLines(_samples, colors.Select(color => $$"""{"text": "a {{color}} box"}"""));
        _start = Path.Combine(_folder, "start");
        Start(_start);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void The_command_writes_a_model_that_opens_and_the_same_each_time()
    {
        string again = Path.Combine(_folder, "again");
        Start(again);

        using DiffusionModel model = DiffusionModel.Open(_start);

        Assert.Equal(Side, model.PictureSize);
        Assert.Equal(5, model.Tokenizer.Encode("a red box").Length); // both ends, and each word is one token
        foreach (string file in Directory.EnumerateFiles(_start, "*", SearchOption.AllDirectories))
        {
            Assert.Equal(File.ReadAllBytes(file), File.ReadAllBytes(Path.Combine(again, Path.GetRelativePath(_start, file))));
        }
    }

    [Fact]
    public void The_stages_follow_each_other_and_the_last_paints()
    {
        string pictures = Train(_start, "pictures", """{"Stage": "Autoencoder", "Steps": 30, "Rate": 0.01, "Ema": 0.5}""", out double[] first);
        string denoiser = Train(pictures, "denoiser", """{"Steps": 30, "TrainText": true, "Rate": 0.003, "Ema": 0.5, "SaveHalf": true}""", out double[] second);
        const string Painting = """{"Stage": "Inpainting", "Steps": 4, "Rate": 0.003, "Ema": 0.5, "Velocity": true, "TimeShift": 6, "TrainText": true}""";
        string painter = Train(denoiser, "painter", Painting, out _);

        Assert.True(first[^5..].Average() < 0.7 * first[0], string.Join(", ", first));
        Assert.True(second[^10..].Average() < 0.95 * second[..5].Average(), $"{second[0]} -> {second[^1]}");
        using (DiffusionModel opened = DiffusionModel.Open(pictures))
        {
            using Tensor picture = new DiffusionSample(Path.Combine(_folder, "0.png"), [""], []).Pixels(Side), noise = randn(1, 4, Side / 2, Side / 2);
            using Tensor latents = opened.Pictures.Latents(picture, noise);
            Assert.InRange(latents.std().item<float>(), 0.7, 1.4); // the scale was measured
        }

        using (DiffusionModel opened = DiffusionModel.Open(painter))
        {
            Assert.True(opened.Schedule.PredictsVelocity);
        }

        object options = new { Inpaint = painter, InpaintSteps = 2, MapResolution = Side / 4, Type = "float32" };
        using IImageEditor editor = new EditorFactory().Open(denoiser, JsonSerializer.SerializeToElement(options), CPU, new FactoryFiles(_folder));
        EditRequest request = new() { Target = "a green box", Steps = 4, Strength = 0.5, Seed = 3 };
        Assert.Equal(Side, editor.Edit(Image.Load(Path.Combine(_folder, "0.png")).ToPicture(), request, TaskRun.Plain).Picture!.Width);
    }

    [Fact]
    public void A_unet_alone_brings_its_own_text_encoder_or_shares_the_models()
    {
        string other = Train(_start, "other", """{"Steps": 2, "TrainText": true, "Rate": 0.01, "Ema": 0}""", out _);
        using DiffusionModel first = DiffusionModel.Open(_start), second = DiffusionModel.Open(other);
        using DiffusionModel shares = first.WithUNet(Path.Combine(other, "unet"));
        string alone = Path.Combine(_folder, "alone");
        TinyEditor.Copy(Path.Combine(other, "unet"), alone);
        TinyEditor.Copy(Path.Combine(other, "text_encoder"), Path.Combine(alone, "text_encoder"));
        using DiffusionModel brings = first.WithUNet(alone);

        using Tensor ofFirst = first.Encode("a green box"), ofSecond = second.Encode("a green box");
        using Tensor shared = shares.Encode("a green box"), brought = brings.Encode("a green box");
        Assert.True(shared.equal(ofFirst).all().item<bool>());
        Assert.True(brought.equal(ofSecond).all().item<bool>());
        Assert.False(ofFirst.equal(ofSecond).all().item<bool>());
    }

    [Fact]
    public void Velocity_means_the_noise_that_follows_from_it()
    {
        using IDisposable quiet = inference_mode();
        using DisposeScope scope = NewDisposeScope();
        using DiffusionModel model = DiffusionModel.Open(_start, new() { Schedule = new NoiseSchedule { PredictsVelocity = true } });
        using GuidedDenoiser denoiser = Stages.Sentences.Guide(model, "a red box", 1, 3, rounded: false, default);
        Tensor latents = randn(1, 4, Side / 2, Side / 2);
        Tensor? both = null;
        Tensor noise = denoiser.Run(latents, 500, trace: (name, value) => both = name == "noise_pred" ? value.clone().MoveToOtherDisposeScope(scope) : both);

        double kept = model.Schedule.Kept[500];
        Tensor velocity = both![0].mul(-2).add(both[1].mul(3)).unsqueeze(0);
        Assert.True(noise.allclose(velocity.mul(Math.Sqrt(kept)).add(latents.mul(Math.Sqrt(1 - kept))), 1e-4, 1e-5));
    }

    [Fact]
    public void Attention_learns_to_look_at_a_words_box()
    {
        double Outside(string name, string weight)
        {
            string folder = Train(_start, name, $$"""{"Steps": 20, "TrainText": true, "Rate": 0.01, "Ema": 0.5, "Localization": {{weight}}}""", out _);
            using DisposeScope scope = NewDisposeScope();
            using DiffusionModel model = DiffusionModel.Open(folder);
            using Generator generator = new(5, CPU);
            Tensor latents = randn([2, 4, Side / 2, Side / 2], generator: generator), text = cat([model.Encode("a red box"), model.Encode("a green box")]);
            WordBoxes words = WordBoxes.Find(DiffusionSample.Read(Samples()), ["a red box", "a green box"], model.Tokenizer, 8, Side);
            List<double> losses = [];
            model.UNet.Run(latents, 500, text, new AttentionCapture(site => site.IsCross, (site, maps) => losses.Add(words.Loss(site, maps).item<float>())));
            return losses.Average();
        }

        double without = Outside("without", "0"), with = Outside("with", "1");
        Assert.True(with < without - 0.02, $"{without} without, {with} with");
    }

    [Fact]
    public void A_box_is_named_by_its_longest_text_that_no_other_contains()
    {
        DiffusionRegion bag = new(0, 0, 10, 10, ["a red bag", "in the middle a red bag"]), other = new(20, 0, 30, 10, ["a red bag", "on the left a red bag"]);
        DiffusionSample sample = new("x.png", [""], [bag, other]);
        using DiffusionModel model = DiffusionModel.Open(TinyEditor.Checkpoint);
        List<(DiffusionRegion Region, string Word)> Named(string sentence)
            =>
            [
                .. WordBoxes.Find([sample], [sentence], model.Tokenizer, 77, Side).Words
                    .Select(word => (word.Region, model.Tokenizer.Decode([model.Tokenizer.Encode(sentence)[word.Token]]).Trim())),
            ];

        Assert.All(Named("a dog, in the middle a red bag"), word => Assert.Same(bag, word.Region));
        Assert.Equal("inthemiddlearedbag", string.Concat(Named("a dog, in the middle a red bag").Select(word => word.Word)));
        Assert.Equal([bag, other], Named("two dogs and a red bag").Select(word => word.Region).Distinct());
        Assert.Empty(Named("a red baguette"));
        Assert.Empty(Named(""));
    }

    [Fact]
    public void Attention_inside_is_best_a_row_too_many_is_worse_and_next_to_none_is_worst()
    {
        const int Cells = 4;
        using DisposeScope scope = NewDisposeScope();
        using DiffusionModel model = DiffusionModel.Open(TinyEditor.Checkpoint);
        DiffusionSample sample = new("x.png", [""], [new(0, 0, Side / Cells, Side / Cells, ["bag"])]); // one cell, the first
        WordBoxes words = WordBoxes.Find([sample], ["bag"], model.Tokenizer, 77, Side);
        double Loss(double inside, double row, double elsewhere)
        {
            Tensor probabilities = full([1, Cells * Cells, 77], elsewhere); // of one head
            probabilities[0, TensorIndex.Slice(stop: Cells)] = (Tensor)row;
            probabilities[0, 0] = (Tensor)inside;
            return words.Loss(new AttentionSite(0, UNetPlace.Down, true, Cells, Cells), probabilities).item<float>();
        }

        double[] losses = [Loss(0.9, 0, 0), Loss(0.9, 0.9, 0), Loss(0.5, 0.5, 0.5), Loss(1e-6, 2e-6, 2e-6)];
        Assert.Equal(losses.Order(), losses);
        Assert.Equal(4, losses.Distinct().Count());
        Assert.Equal(-0.9, losses[0], 1e-5);
        Assert.InRange(Loss(0, 0, 0), -1e-6, 1e-6); // no NaN where a word gets nothing
    }

    [Theory]
    [InlineData("Autoencoder")]
    [InlineData("Denoiser")]
    [InlineData("Denoiser", """, "Localization": 1""")]
    [InlineData("Inpainting", """, "MaskWeight": 1, "Localization": 1""")]
    public void A_step_depends_on_seed_and_number_alone_and_leaves_no_tensor(string stage, string own = "")
    {
        double Loss(int step, string options = "")
        {
            using DiffusionTraining run = Begin(_start, $$"""{"Stage": "{{stage}}"{{own}}{{options}}}""", Samples());
            using Tensor loss = run.Step(step, [0, 1], CancellationToken.None).Loss!;
            return loss.item<float>();
        }

        Assert.Equal(Loss(3), Loss(3));
        Assert.NotEqual(Loss(3), Loss(4));
        long before = LiveTensors.Settled();
        Assert.NotEqual(Loss(3), Loss(3, """, "Seed": 9"""));
        Assert.Equal(before, LiveTensors.Settled());
    }

    [Theory]
    [InlineData("{}", """{"captions": 3}""", "sample 1 has captions that are no list of sentences")]
    [InlineData("{}", """{"regions": 3}""", "sample 1 has regions that are no list")]
    [InlineData("{}", """{"regions": [{"box": [0, 0, 4]}]}""", "sample 1 has a region without box and texts")]
    [InlineData("{}", """{"regions": [{"box": [4, 0, 4, 9], "texts": ["a"]}]}""", "sample 1 has the box [4, 0, 4, 9], which is empty")]
    [InlineData("""{"Ema": 1}""", "{}", "Ema is 1")]
    [InlineData("""{"TextDropout": 2}""", "{}", "TextDropout is 2")]
    [InlineData("""{"Localization": -1}""", "{}", "Localization is -1")]
    [InlineData("""{"Localization": 1}""", "{}", "Localization is 1, but no sample has regions")]
    [InlineData("""{"Stage": "Both"}""", "{}", "Stage")]
    public void A_wrong_option_or_sample_is_one_line(string options, string fields, string expected)
    {
        TaskSample sample = Samples()[0] with
        {
            Fields = JsonElement.Parse(fields).EnumerateObject().ToDictionary(field => field.Name, field => field.Value),
        };

        ApertureException error = Assert.Throws<ApertureException>(() => Begin(_start, options, [sample]));

        Assert.Contains(expected, error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void A_file_and_a_sample_without_picture_are_refused()
    {
        string file = Path.Combine(_start, "model_index.json");
        Assert.Contains("is no folder", Assert.Throws<ApertureException>(() => Begin(file, "{}", Samples())).Message);
        ApertureException without = Assert.Throws<ApertureException>(() => Begin(_start, "{}", [Samples()[0] with { Pictures = [] }]));
        Assert.Contains("sample 1 has 0 pictures instead of one", without.Message);
    }

    [Theory]
    [InlineData("--channels is 8,x", "channels", "8,x")]
    [InlineData("--pictures is 12; give multiples of 8", "pictures", "12")]
    [InlineData("--side 66 must be a multiple of 4", "side", "66")]
    [InlineData("--longest is 0", "longest", "0")]
    public void A_wrong_size_is_one_line(string expected, string name, string value)
        => Assert.Contains(expected, Assert.Throws<ApertureException>(() => Start(Path.Combine(_folder, "other"), (name, value))).Message);

    private static bool Inside(int pixel) => pixel % Side is > 16 and < 48 && pixel / Side is > 16 and < 48;

    private static byte[] Color(int picture) => picture == 0 ? [220, 50, 45] : [50, 185, 70];

    private TaskSample[] Samples() =>
    [
        .. new[] { "a red box", "a green box" }.Select(
            (text, picture) => new TaskSample([Path.Combine(_folder, $"{picture}.png")], text, new Dictionary<string, double>())
            {
                Fields = JsonElement.Parse("""{"regions": [{"box": [16, 16, 48, 48], "texts": ["box"]}]}""").EnumerateObject()
                    .ToDictionary(field => field.Name, field => field.Value),
            }),
    ];

    private void Start(string folder, (string Name, string Value)? other = null)
    {
        Dictionary<string, string> values = new()
        {
            ["samples"] = _samples,
            ["output"] = folder,
            ["side"] = $"{Side}",
            ["pictures"] = "8,16",
            ["channels"] = "8,16",
            ["heads"] = "2",
            ["text-width"] = "16",
            ["text-layers"] = "1",
            ["longest"] = "8",
            ["seed"] = "1",
        };
        if (other is { } changed)
        {
            values[changed.Name] = changed.Value;
        }

        CommandRecord context = new(null!, [.. values.Select(pair => (pair.Key, pair.Value))]);
        Assert.Equal(0, new DiffusionStartCommand().RunAsync(context, CancellationToken.None).Result);
    }

    private string Train(string start, string name, string options, out double[] losses)
    {
        string output = Path.Combine(_folder, name);
        using DiffusionTraining run = Begin(start, options, Samples(), output);
        List<double> all = [];
        for (int step = 0; step < run.Plan.Steps; step++)
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor loss = run.Step(step, [0, 1], CancellationToken.None).Loss!;
            loss.backward();
            all.Add(loss.item<float>());
            Descend(run);
        }

        losses = [.. all];
        TrainingResult result = run.Save();
        Assert.All(result.Files, file => Assert.True(File.Exists(file)));
        return Path.Combine(output, "model");
    }

    // Normalised gradient descent is enough to see that gradients point downhill.
    private static void Descend(DiffusionTraining run)
    {
        using IDisposable quiet = no_grad();
        foreach (Tensor parameter in run.Parameters.Values)
        {
            if (parameter.grad is { } gradient)
            {
                parameter.sub_(gradient.div(gradient.norm().add(1e-8)).mul(run.Plan.Rate * Math.Sqrt(parameter.numel())));
                parameter.grad = null;
            }
        }
    }

    private DiffusionTraining Begin(string start, string options, TaskSample[] samples, string? output = null)
        => (DiffusionTraining)new EditorFactory().BeginTraining(
            start, samples, JsonElement.Parse(options), CPU, new FactoryFiles(_folder), output ?? Path.Combine(_folder, "run"));
}
