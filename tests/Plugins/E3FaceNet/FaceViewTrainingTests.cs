using System.Text.Json;
using Aperture.Images;
using Aperture.Plugins.DyVte.Tests.Analysis;
using Aperture.Plugins.E3FaceNet.Commands;
using Aperture.Plugins.E3FaceNet.Training;
using Aperture.Tasks;
using Aperture.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.E3FaceNet.Tests;

/// <summary>Training on true views of known cameras, without an adversary and beside one.</summary>
[Trait("Category", "Process")] // Starts none, but trains.
public sealed class FaceViewTrainingTests(TinyFace tiny) : IClassFixture<TinyFace>
{
    private const int Side = 32;
    private const string Views = "\"AdversarialWeight\": 0, \"ViewWeight\": 1, \"OffsetWeight\": 0, \"GeometryWeight\": 0.01, \"PathWeight\": 0";

    [Fact]
    public void The_loss_falls_and_reaches_text_and_face_and_the_result_opens()
    {
        string output = Path.Combine(tiny.Folder, "views");
        Directory.CreateDirectory(output);
        using ITaskTraining run = Begin($"{{{Views}, \"DepthWeight\": 1, \"EditWeight\": 1, \"TrainText\": true, \"SaveHalf\": true}}", output: output);
        Assert.DoesNotContain(run.State.Keys, name => name.StartsWith("D.", StringComparison.Ordinal));
        List<double> losses = [];
        for (int step = 0; step < 30; step++)
        {
            using DisposeScope scope = NewDisposeScope();
            TrainingStep made = run.Step(step, [0, 1], CancellationToken.None);
            made.Loss!.backward();
            if (step == 0)
            {
                Assert.Equal(["depth", "edit", "geometry", "picture", "rays"], made.Metrics.Keys.Order());
                string[] still = [.. run.Parameters.Where(pair => pair.Value.grad is null).Select(pair => pair.Key)];
                Assert.All(still, name => Assert.Contains(".b16.torgb", name, StringComparison.Ordinal)); // the smaller block's colours are shown to nobody
                double Slope(string name) => run.Parameters[name].grad!.abs().sum().item<float>();
                Assert.True(Slope("text.text_projection.weight") > 0 && Slope("synthesis.fg_nerf.sigma_out.weight") > 0);
                Assert.True(Slope("synthesis.b16_attn.attn.to_k.weight") > 0);
            }

            losses.Add(made.Loss.item<float>());
            Descend(run, 0.02);
        }

        Assert.True(losses[^5..].Average() < 0.8 * losses[..5].Average(), $"{losses[0]} -> {losses[^1]}");
        TrainingResult result = run.Save();
        Assert.All(result.Files, file => Assert.True(File.Exists(file)));
        Assert.Contains(Path.Combine(output, "clip", "model.safetensors"), result.Files);
        using FaceGenerator trained = tiny.Open(new { Clip = Path.Combine(output, "clip") }, result.Files[0]);
        Assert.Equal(3, trained.Generate(TinyFace.Request, TaskRun.Plain).Count);
    }

    [Fact]
    public void A_run_that_takes_over_parameters_and_state_goes_on_as_the_other_would_have()
    {
        string options = $"{{{Views}, \"DepthWeight\": 1, \"TrainText\": true, \"Noises\": 0}}";
        double[] Steps(ITaskTraining run, int from, int to) => [.. Enumerable.Range(from, to - from).Select(step =>
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor loss = run.Step(step, [step % 2, 1], CancellationToken.None).Loss!;
            loss.backward();
            Descend(run, 0.02);
            return (double)loss.item<float>();
        })];

        using ITaskTraining whole = Begin(options), first = Begin(options), second = Begin(options);
        double[] expected = Steps(whole, 0, 4);
        double[] before = Steps(first, 0, 2);
        using (no_grad())
        {
            foreach ((string name, Tensor value) in first.Parameters.Concat(first.State))
            {
                (second.Parameters.TryGetValue(name, out Tensor? parameter) ? parameter : second.State[name]).copy_(value);
            }
        }

        double[] continued = [.. before, .. Steps(second, 2, 4)];
        Assert.Equal(expected, continued);
    }

    [Fact]
    public void Noise_is_the_heads_unless_it_is_to_mean_nothing()
    {
        double Picture(string options, int sample, int step)
        {
            using ITaskTraining run = Begin($"{{{Views}, {options}}}", [Sample(0), Sample(0, """{"head": 8}"""), Sample(0)]);
            using DisposeScope scope = NewDisposeScope();
            using (no_grad())
            {
                run.Parameters["synthesis.fg_nerf.sigma_out.bias"].fill_(1000); // a wall, so that neither samples of rays nor the background matter
                return run.Step(step, [sample], CancellationToken.None).Metrics["rays"];
            }
        }

        double fixedOne = Picture("\"Noises\": 100", 0, 0);
        Assert.Equal(fixedOne, Picture("\"Noises\": 100", 2, 0));
        Assert.NotEqual(fixedOne, Picture("\"Noises\": 100", 1, 0));
        Assert.NotEqual(Picture("\"Noises\": 0", 0, 0), Picture("\"Noises\": 0", 0, 1));
    }

    [Fact]
    public void Both_losses_go_together_and_leave_no_tensor()
    {
        void Once()
        {
            using ITaskTraining run = Begin("""{"ViewWeight": 2, "AdversarialWeight": 0.1, "DepthWeight": 1}""");
            using Tensor loss = run.Step(0, [0, 1], CancellationToken.None).Loss!;
            Assert.True(double.IsFinite(loss.item<float>()));
            Assert.Contains("D.b4.fc.weight", run.State.Keys);
        }

        Once();
        long before = LiveTensors.Settled();
        Once();
        Assert.Equal(before, LiveTensors.Settled());
    }

    [Fact]
    public void A_step_on_views_disposes_all_that_it_makes() => LiveTensors.MustNotGrow(() =>
    {
        using ITaskTraining run = Begin($"{{{Views}, \"DepthWeight\": 1, \"EditWeight\": 1, \"TrainText\": true}}");
        run.Step(0, [0, 1], CancellationToken.None).Loss!.Dispose();
    });

    [Fact]
    public void Rays_are_compared_with_the_pixels_that_they_go_through()
    {
        TrueViews views = new([Sample(1)], Side, depths: true, edits: true);
        using Tensor nearness = views.Nearness([0]), edits = views.Edits([0]);
        Assert.Equal([1L, Side, Side], nearness.shape);
        Assert.Equal((0, 1, 0.5), (nearness[0, 0, 0].item<float>(), nearness[0, 0, 1].item<float>(), Math.Round(nearness[0, 0, 2].item<float>(), 2)));
        Assert.Equal([1L, 3, Side, Side], edits.shape);
        Assert.Equal((0.3, Math.PI / 2), (views.Poses([0])[0].Yaw, views.Poses([0])[0].Polar));
        Assert.Equal(7, views.Head(0));
    }

    [Theory]
    [InlineData("""{"yaw": null}""", "sample 1 has no number 'yaw'")]
    [InlineData("""{"pitch": "up"}""", "sample 1 has no number 'pitch'")]
    [InlineData("""{"depth": 3}""", "sample 1 has no text 'depth'")]
    [InlineData("""{"edit_text": " "}""", "sample 1 has no text 'edit_text'")]
    [InlineData("""{"head": "his"}""", "sample 1 has no number 'head'")]
    [InlineData("""{"head": -1}""", "sample 1 has no number from 0 to 4294967295 as 'head'")]
    public void Views_that_lack_something_are_one_line(string changed, string message)
        => FaceErrorTests.AssertLine(message, () => Begin($"{{{Views}, \"DepthWeight\": 1, \"EditWeight\": 1}}", [Sample(0, changed)]).Dispose());

    [Theory]
    [InlineData("""{"AdversarialWeight": 0}""", "there is nothing to learn from")]
    [InlineData("""{"EditWeight": 1}""", "EditWeight is above 0, but ViewWeight is 0")]
    [InlineData("""{"ViewWeight": 1, "EditWeight": 1, "EnhancerStrength": 0}""", "set that to 0")]
    public void Weights_that_contradict_are_one_line(string options, string message)
        => FaceErrorTests.AssertLine(message, () => Begin(options).Dispose());

    [Fact]
    public async Task A_start_for_samples_has_a_text_encoder_of_their_words()
    {
        string samples = Path.Combine(tiny.Folder, "samples.jsonl"), output = Path.Combine(tiny.Folder, "start");
        File.WriteAllLines(samples, ["""{"text": "a man with red hair"}""", """{"text": "a woman, and glasses"}"""]);
        Dictionary<string, string> values = new();
        FaceStartCommand command = new();
        foreach (CommandParameter option in command.Options.Where(option => option.Default is not null))
        {
            values[option.Name] = option.Default!;
        }

        foreach ((string name, string value) in new[]
        {
            ("clip", samples), ("output", output), ("picture", "16"), ("volume", "8"), ("channels", "8"), ("width", "8"), ("face", "8"), ("behind", "8"),
            ("features", "8"), ("attention", "8"), ("heads", "2"), ("samples", "4"), ("extra", "0"), ("mapping-layers", "2"), ("mapping-rate", "1"),
            ("face-layers", "2"), ("octaves", "3"), ("density", "3"), ("text-width", "8"), ("text-layers", "1"), ("longest", "9"),
        })
        {
            values[name] = value;
        }

        long before = LiveTensors.Settled();
        Assert.Equal(0, await command.RunAsync(new CommandRecord(null!, [.. values.Select(pair => (pair.Key, pair.Value))]), CancellationToken.None));
        Assert.Equal(before, LiveTensors.Settled());

        using FaceGenerator face = (FaceGenerator)new FaceFactory().Open(
            Path.Combine(output, "face.safetensors"), JsonElement.Parse("{}"), CPU, new FactoryFiles(output));
        Assert.Equal((2, 2, 3, 8, 2.0), (
            face.Model.Config.MappingLayers, face.Model.Config.FaceLayers, face.Model.Config.Octaves, face.Model.Config.Token,
            face.Model.Config.Settings.Heads * face.Model.Config.Settings.MappingRate));
        Assert.Single(face.Generate(new FaceRequest { Text = "a woman with red glasses" }, TaskRun.Plain)); // 7 tokens with both ends: each word is one
        FaceRequest longer = new() { Text = "a man with red hair and red glasses" };
        FaceErrorTests.AssertLine("the text encoder takes 7", () => face.Generate(longer, TaskRun.Plain));
    }

    private static void Descend(ITaskTraining run, double length)
    {
        using IDisposable quiet = no_grad();
        foreach (Tensor parameter in run.Parameters.Values)
        {
            if (parameter.grad is { } gradient)
            {
                using DisposeScope scope = NewDisposeScope();
                parameter.sub_(gradient.sign().mul(length));
                gradient.zero_();
            }
        }
    }

    private ITaskTraining Begin(string options, TaskSample[]? samples = null, string? output = null)
        => new FaceFactory().BeginTraining(
            tiny.Checkpoint, samples ?? [Sample(0), Sample(1)], JsonElement.Parse(options), CPU, new FactoryFiles(tiny.Folder), output ?? tiny.Folder);

    // A picture of one colour, and a depth whose first pixels are nothing, the nearest and half way.
    private TaskSample Sample(int number, string changed = "{}")
    {
        string Save(string name, Image image)
        {
            image.SavePng(Path.Combine(tiny.Folder, name));
            return name;
        }

        string picture = Save($"view-{number}.png", Image.Filled(Side, Side, (byte)(200 * number), 100, 30));
        string edit = Save($"view-{number}-edit.png", Image.Filled(Side, Side, 10, (byte)(200 * number), 100));
        byte[] depths = new byte[Side * Side];
        (depths[1], depths[2]) = (255, 128);
        string depth = Save($"view-{number}-depth.png", Image.FromPixels(ImageMode.L, depths, Side, Side));
        Dictionary<string, JsonElement> fields = new()
        {
            ["yaw"] = JsonElement.Parse("0.3"),
            ["pitch"] = JsonElement.Parse("0"),
            ["head"] = JsonElement.Parse("7"),
            ["depth"] = JsonSerializer.SerializeToElement(depth),
            ["edit"] = JsonSerializer.SerializeToElement(edit),
            ["edit_text"] = JsonElement.Parse("\"an old one\""),
        };
        foreach (JsonProperty other in JsonElement.Parse(changed).EnumerateObject())
        {
            fields[other.Name] = other.Value;
        }

        string path = Path.Combine(tiny.Folder, picture);
        return new TaskSample([path], $"a face {number}", new Dictionary<string, double>()) { Folder = tiny.Folder, Fields = fields };
    }
}
