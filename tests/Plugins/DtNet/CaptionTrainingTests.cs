using System.Text.Json;
using Aperture.Plugins.DtNet.Training;
using Aperture.Tasks;
using Aperture.Training;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.DtNet.Tests;

/// <summary>Training by cross-entropy and self-critically, through the door that the host uses.</summary>
[Trait("Category", "Process")] // Starts none, but trains.
public sealed class CaptionTrainingTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("aperture-dtnet-").FullName;
    private readonly string _checkpoint, _features;
    private readonly TaskSample[] _samples;

    public CaptionTrainingTests()
    {
        _checkpoint = TinyCaptioner.Save(_folder, layers: 1);
        _features = Path.Combine(_folder, "grids.safetensors");
        using Tensor all = TinyCaptioner.Features(4);
        Dictionary<string, Tensor> tensors = Enumerable.Range(0, 4).ToDictionary(picture => $"{picture}_features", picture => all[picture].contiguous());
        SafetensorsWriter.Save(_features, tensors);
        foreach (Tensor tensor in tensors.Values)
        {
            tensor.Dispose();
        }

        string[] captions = ["a red ball on the left", "the blue box", "a ball on a box", "red on the right"];
        _samples = [.. captions.Select((caption, picture) => Sample(picture, caption))];
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Captions_are_learned_and_the_result_speaks_them()
    {
        using CaptionTraining run = Begin(""", "Dropout": 0, "Augment": false""", _samples);
        double first = Step(run, 0), last = first;
        for (int step = 1; step < 60; step++)
        {
            last = Step(run, step);
        }

        Assert.True(last < 0.3 * first, $"{first} -> {last}");
        TrainingResult result = run.Save();
        using ICaptioner trained = TinyCaptioner.Open(result.Files[0], $$"""{"Features": {{JsonSerializer.Serialize(_features)}}}""");
        string Caption(string id) => trained.Caption([new CaptionInput(null) { Id = id }], CaptionRequest.Best, TaskRun.Plain)[0][0].Text;
        Assert.Equal(["a red ball on the left", "the blue box"], new[] { Caption("0"), Caption("1") });
    }

    [Fact]
    public void Self_critical_training_raises_the_reward_and_moves_statistics()
    {
        using CaptionTraining run = Begin(""", "Stage": "SelfCritical", "Dropout": 0, "Augment": false, "LongestCaption": 6""", _samples);
        double Reward(int step)
        {
            using DisposeScope scope = NewDisposeScope();
            TrainingStep result = run.Step(step, [0, 1, 2, 3], CancellationToken.None);
            result.Loss!.backward();
            Descend(run, 0.02);
            return result.Metrics["reward"];
        }

        long seen = run.State.First(pair => pair.Key.EndsWith("brb_identity.num_batches_tracked", StringComparison.Ordinal)).Value.item<long>();
        double[] rewards = [.. Enumerable.Range(0, 24).Select(Reward)];

        Assert.True(rewards[^5..].Average() > rewards[..5].Average(), $"{rewards[..5].Average()} -> {rewards[^5..].Average()}");
        Assert.Equal(
            seen + 48, run.State.First(pair => pair.Key.EndsWith("brb_identity.num_batches_tracked", StringComparison.Ordinal)).Value.item<long>());
        Assert.DoesNotContain("decoder.pos_emb.weight", run.Parameters.Keys);
    }

    [Theory]
    [InlineData("CrossEntropy")]
    [InlineData("SelfCritical")]
    public void A_step_depends_on_seed_and_number_alone(string stage)
    {
        double Loss(int step, string options = "")
        {
            using CaptionTraining run = Begin($""", "Stage": "{stage}", "LongestCaption": 6{options}""", _samples);
            using DisposeScope scope = NewDisposeScope();
            return run.Step(step, [0, 1], CancellationToken.None).Loss!.item<float>();
        }

        Assert.Equal(Loss(3), Loss(3));
        Assert.NotEqual(Loss(3), Loss(4));
        Assert.NotEqual(Loss(3), Loss(3, """, "Seed": 9"""));
    }

    [Theory]
    [InlineData("Soft", true)]
    [InlineData("Static", false)]
    [InlineData("Random", false)]
    public void Routers_learn_where_paths_are_theirs(string route, bool learns)
    {
        using CaptionTraining run = Begin($""", "Route": "{route}", "Dropout": 0, "Augment": false""", _samples);
        using DisposeScope scope = NewDisposeScope();
        run.Step(0, [0, 1], CancellationToken.None).Loss!.backward();

        Tensor[] routers = [.. run.Parameters.Where(pair => pair.Key.Contains("router", StringComparison.OrdinalIgnoreCase)).Select(pair => pair.Value)];
        Assert.NotEmpty(routers);
        Assert.Equal(learns, routers.All(router => router.grad is not null));
        Assert.Equal(learns, routers.Any(router => router.grad is not null));
    }

    [Fact]
    public void Rates_and_batches_are_the_official_ones()
    {
        using CaptionTraining words = Begin(""", "BatchSize": 2""", _samples), critical = Begin(""", "Stage": "SelfCritical", "BatchSize": 2""", _samples);

        Assert.Equal((52, 0.98, 0.0), (words.Plan.Steps, words.Plan.Beta2, words.Plan.LargestGradient));
        Assert.Equal((70, 0.999), (critical.Plan.Steps, critical.Plan.Beta2));
        Assert.Equal([2.5e-5, 2.5e-5, 5e-5], new[] { 0, 1, 2 }.Select(words.Plan.RateAt).Select(rate => Math.Round(rate, 12)));
        Assert.Equal(5e-6, words.Plan.RateAt(51), 12);
        Assert.Equal([5e-6, 5e-8], new[] { 0, 69 }.Select(critical.Plan.RateAt).Select(rate => Math.Round(rate, 12)));
    }

    [Fact]
    public void Samples_of_a_picture_share_their_references_and_lists_are_captions()
    {
        TaskSample[] samples =
        [
            Sample(0, "a red ball") with { Fields = Fields("""{"id": 0, "captions": ["a red ball", "the ball on the left"]}""") },
            Sample(0, "a box"),
        ];
        using CaptionTraining run = Begin(""", "BatchSize": 2, "Dropout": 0, "Augment": false""", samples);
        using DisposeScope scope = NewDisposeScope();

        Assert.True(double.IsFinite(run.Step(0, [0, 1], CancellationToken.None).Loss!.item<float>()));
    }

    [Theory]
    [InlineData("", "", "sample 1 has no features: it needs an id of the file that Features names")]
    [InlineData("", """{"id": 0, "captions": []}""", "sample 1 has no caption; give it text or captions")]
    [InlineData("", """{"id": 0, "captions": "a ball"}""", "sample 1: captions must be a list of sentences")]
    [InlineData(""", "LongestCaption": 30""", """{"id": 0}""", "LongestCaption is 30, but the checkpoint's position table ends at 24")]
    [InlineData(""", "Schedule": "Cosine" """, """{"id": 0}""", "Schedule says how rates change, but OfficialRates gives each epoch's")]
    [InlineData(""", "Route": "Argmax" """, """{"id": 0}""", "Route is Argmax; training takes Soft, Static or Random")]
    [InlineData(""", "Beams": 1""", """{"id": 0}""", "Beams is 1")]
    [InlineData(""", "Dropout": 1""", """{"id": 0}""", "Dropout is 1")]
    public void A_wrong_option_or_sample_is_one_line(string options, string fields, string expected)
    {
        TaskSample sample = new([], "a ball", new Dictionary<string, double>())
        {
            Fields = fields.Length == 0 ? new Dictionary<string, JsonElement>() : Fields(fields),
        };

        ApertureException error = Assert.Throws<ApertureException>(() => Begin(options, [sample]));

        Assert.Contains(expected, error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void A_step_leaves_no_tensor_behind()
    {
        long before = 0;
        for (int round = 0; round < 3; round++)
        {
            before = round == 1 ? LiveTensors.Settled() : before;
            foreach (string stage in new[] { "CrossEntropy", "SelfCritical" })
            {
                using CaptionTraining run = Begin($""", "Stage": "{stage}", "LongestCaption": 5""", _samples);
                Step(run, 0);
            }
        }

        Assert.Equal(before, LiveTensors.Settled());
    }

    private static double Step(CaptionTraining run, int step)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor loss = run.Step(step, [0, 1, 2, 3], CancellationToken.None).Loss!;
        loss.backward();
        Descend(run, 0.05);
        return loss.item<float>();
    }

    // Normalised gradient descent is enough to see that gradients point downhill.
    private static void Descend(CaptionTraining run, double rate)
    {
        using IDisposable quiet = no_grad();
        foreach (Tensor parameter in run.Parameters.Values)
        {
            if (parameter.grad is { } gradient)
            {
                parameter.sub_(gradient.div(gradient.norm().add(1e-8)).mul(rate));
                parameter.grad = null;
            }
        }
    }

    private static TaskSample Sample(int picture, string caption)
        => new([], caption, new Dictionary<string, double>()) { Fields = Fields($$"""{"id": {{picture}}}""") };

    private static Dictionary<string, JsonElement> Fields(string json)
        => JsonElement.Parse(json).EnumerateObject().ToDictionary(field => field.Name, field => field.Value);

    private CaptionTraining Begin(string options, TaskSample[] samples)
    {
        using JsonDocument json = JsonDocument.Parse($$"""{"Features": {{JsonSerializer.Serialize(_features)}}{{options}}}""");
        return (CaptionTraining)new DtNetFactory().BeginTraining(_checkpoint, samples, json.RootElement.Clone(), CPU, new FactoryFiles(_folder), _folder);
    }
}
