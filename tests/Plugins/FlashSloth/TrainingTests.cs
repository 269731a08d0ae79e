using System.Text.Json;
using Aperture.Images;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Plugins.FlashSloth.Embq;
using Aperture.Plugins.FlashSloth.Sap;
using Aperture.Training;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.FlashSloth.Tests;

/// <summary>Both stages of a FlashSloth, and its modules on the shipped LLaVA, a few steps of each.</summary>
[Trait("Category", "Process")] // Starts none, but trains.
public sealed class TrainingTests : IDisposable
{
    private const string FlashSloth = "flashsloth", Sap = "sap", Embq = "embq";

    private readonly string _root = Directory.CreateTempSubdirectory("aperture-flash-train").FullName;
    private readonly TinyFlashSloth _tiny = new();
    private readonly IReadOnlyList<TrainingExample> _examples =
        [.. TrainingFile.Read(TinyFlashSloth.Checkout("scripts", "data", "shelf-eval", "questions.jsonl")).Take(4)];

    public void Dispose()
    {
        _tiny.Dispose();
        Directory.Delete(_root, recursive: true);
    }

    [Fact]
    public async Task Tuning_lowers_the_loss_and_writes_a_FlashSloth()
    {
        using OpenedModel opened = Open(null);

        (double first, double last) = Train(
            opened.Model, FlashSloth, new FlashSlothFactory(), """{ "Steps": 20, "WarmUp": 0, "BatchSize": 4, "Rate": 0.01, "Dropout": 0 }""");

        Assert.True(last < first / 2, $"{first} -> {last}");
        string folder = Path.Combine(_root, FlashSloth);
        (string[] changed, string[] same) = Compare(_tiny.Folder, folder);
        Assert.Contains("model.learnable_tokens.token", changed);
        Assert.Contains("model.lqformer.up_projector.weight", changed);
        Assert.Contains("model.pooling.mlp.3.weight", changed);
        Assert.Contains("model.layers.9.self_attn.dense.weight", changed);
        Assert.All(same, name => Assert.StartsWith("model.vision_tower.", name, StringComparison.Ordinal));
        await using EngineSession session = TinyFlashSloth.Open();
        Assert.Equal(45, (await session.Load(folder).Ask(Image.Filled(40, 30, 9, 9, 9), "What is in the top left?")).VisualTokens);
    }

    [Fact]
    public void The_tower_learns_where_the_configuration_does_not_freeze_it()
    {
        using TinyFlashSloth free = new(config => config["freeze_vision"] = false);
        using OpenedModel opened = new(free.Folder, new ModelOptions { Type = "float32", Threads = 1 });

        Train(opened.Model, FlashSloth, new FlashSlothFactory(), """{ "Steps": 2, "WarmUp": 0, "BatchSize": 2, "Rate": 0.01 }""");

        (string[] changed, _) = Compare(free.Folder, Path.Combine(_root, FlashSloth));
        Assert.Contains("model.vision_tower.vision_tower.vision_model.embeddings.patch_embedding.weight", changed);
        Assert.Contains("model.layers.9.self_attn.dense.weight", changed);
    }

    [Fact]
    public void Alignment_trains_pooling_and_projector_on_captions()
    {
        using OpenedModel opened = Open("plain");

        Train(opened.Model, FlashSloth, new FlashSlothFactory(), """{ "Stage": "Align", "Steps": 2, "WarmUp": 0, "BatchSize": 2 }""");

        (string[] changed, _) = Compare(_tiny.Folder, Path.Combine(_root, FlashSloth));
        Assert.NotEmpty(changed);
        Assert.All(changed, name => Assert.Matches(@"^model\.(pooling|mm_projector)\.", name));
    }

    [Fact]
    public void Tuning_may_begin_with_a_fresh_pooling_as_the_official_code_does()
    {
        using OpenedModel opened = Open(null);
        using TrainingModel model = new(opened.Model, _examples, Path.Combine(_root, "fresh"));
        using JsonDocument keep = JsonDocument.Parse("{ }"), fresh = JsonDocument.Parse("""{ "ReinitSap": true }""");
        using ITrainingRun kept = new FlashSlothFactory().BeginTraining(model, keep.RootElement);
        using ITrainingRun drawn = new FlashSlothFactory().BeginTraining(model, fresh.RootElement);
        const string Name = "model.pooling.mlp.0.weight";
        using Tensor stored = opened.Model.Checkpoint.LoadCopy(Name, ScalarType.Float32);

        Assert.True(kept.Parameters[Name].equal(stored).all().item<bool>());
        Assert.False(drawn.Parameters[Name].equal(stored).all().item<bool>());
        Assert.True(drawn.Parameters[Name].abs().max().item<float>() <= 1 / Math.Sqrt(48));
    }

    [Fact]
    public async Task Pooling_trained_on_a_llava_lowers_the_loss_and_opens_from_a_file()
    {
        string llava = TinyFlashSloth.Checkout("scripts", "models", "tiny-llava-dense");
        using (OpenedModel opened = new(llava))
        {
            (double first, double last) = Train(
                opened.Model, Sap, new SapFactory(), """{ "Steps": 12, "WarmUp": 0, "BatchSize": 4, "Rate": 0.02, "Dropout": 0, "TrainProjector": false }""");
            Assert.True(last < first, $"{first} -> {last}");
        }

        string file = Path.Combine(_root, Sap, "sap", "pooling.safetensors");
        await using EngineSession session = TinyFlashSloth.Open();
        Pipeline plain = session.Load(llava), pooled = plain.With(Sap, new { Pool = 3, Weights = file });
        Image picture = Image.Load(TinyFlashSloth.Checkout("scripts", "shelf.png"));
        int all = (await plain.Ask(picture, "What is in the top left?")).VisualTokens;
        int less = (await pooled.Ask(picture, "What is in the top left?")).VisualTokens;
        Assert.InRange(less, all / 9, (all / 9) + 8);
        Assert.Equal(all, (await plain.With(Sap, new { Pool = 1, Weights = file }).Ask(picture, "What is in the top left?")).VisualTokens);
    }

    [Fact]
    public async Task Queries_trained_on_a_llava_lower_the_loss_and_work_with_pooling()
    {
        string llava = TinyFlashSloth.Checkout("scripts", "models", "tiny-llava-dense");
        using (OpenedModel opened = new(llava))
        {
            Train(opened.Model, Sap, new SapFactory(), """{ "Steps": 1, "BatchSize": 2, "TrainProjector": false }""");
            (double first, double last) = Train(
                opened.Model, Embq, new EmbqFactory(), """{ "Layer": 3, "Queries": 4, "Steps": 15, "WarmUp": 0, "BatchSize": 4, "Rate": 0.02 }""");
            Assert.True(last < first, $"{first} -> {last}");
        }

        await using EngineSession session = TinyFlashSloth.Open();
        Pipeline plain = session.Load(llava);
        Image picture = Image.Load(TinyFlashSloth.Checkout("scripts", "shelf.png"));
        Pipeline both = plain.With(Sap, new { Weights = Path.Combine(_root, Sap, "sap", "pooling.safetensors") })
            .With(Embq, new { Layer = 3, Weights = Path.Combine(_root, Embq, "embq", "queries.safetensors") });
        Requests.Answer answer = await both.Ask(picture, "What is in the top left?"), again = await both.Ask(picture, "What is in the top left?");

        Assert.Equal(answer.Tokens, again.Tokens);
        Assert.True(answer.VisualTokens < (await plain.Ask(picture, "What is in the top left?")).VisualTokens);
        Assert.True(answer.Flops.Method > 0);
    }

    [Fact]
    public void Another_method_alone_is_not_trained_on_a_FlashSloth()
    {
        using OpenedModel opened = Open(null);

        ApertureException error = Assert.Throws<ApertureException>(() => Train(opened.Model, Sap, new SapFactory(), """{ "Steps": 1, "BatchSize": 2 }"""));

        Assert.Contains("is not whole without its own method flashsloth", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Training_leaves_no_tensor_behind()
    {
        const string Two = """{ "Steps": 2, "BatchSize": 2 }""";
        using OpenedModel opened = Open(null);
        Train(opened.Model, FlashSloth, new FlashSlothFactory(), Two, "warm");
        long before = LiveTensors.Settled();

        Train(opened.Model, FlashSloth, new FlashSlothFactory(), Two, "again");

        Assert.Equal(before, LiveTensors.Settled());
    }

    private OpenedModel Open(string? prompt) => new(_tiny.Folder, new ModelOptions { Type = "float32", Threads = 1, Prompt = prompt });

    private (double First, double Last) Train(Model model, string method, ITrainedMethod factory, string options, string? folder = null)
    {
        double first = double.NaN, last = double.NaN;
        using JsonDocument json = JsonDocument.Parse(options);
        using TrainingModel training = new(model, _examples, Path.Combine(_root, folder ?? method));
        Losses losses = new(loss => (first, last) = (double.IsNaN(first) ? loss : first, loss));
        MethodTrainer.Run(method, factory, json.RootElement, training, new TrainingPace { ReportEvery = 1 }, losses, CancellationToken.None);
        return (first, last);
    }

    private static (string[] Changed, string[] Same) Compare(string before, string after)
    {
        using DisposeScope scope = NewDisposeScope();
        using IWeightSource old = WeightFiles.Open(before), trained = WeightFiles.Open(after);
        Assert.Equal(old.Names.Order(StringComparer.Ordinal), trained.Names.Order(StringComparer.Ordinal));
        ILookup<bool, string> same = old.Names.ToLookup(
            name => old.LoadCopy(name, ScalarType.Float32).equal(trained.LoadCopy(name, ScalarType.Float32)).all().item<bool>());
        return ([.. same[false]], [.. same[true]]);
    }

    private sealed class Losses(Action<double> loss) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => loss(value.Loss);
    }
}
