using System.Text.Json;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Plugins.GammaMod.Training;
using Aperture.Training;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.GammaMod.Tests;

/// <summary>A few steps on the shipped model.</summary>
[Trait("Category", "Process")] // Starts none, but trains.
public sealed class TrainingTests : IDisposable
{
    private static readonly string _repository = Root();
    private readonly string _root = Directory.CreateTempSubdirectory("aperture-gamma-mod-train").FullName;
    private readonly OpenedModel _opened = new(Path.Combine(_repository, "scripts", "models", "tiny-llava"));

    public void Dispose()
    {
        _opened.Dispose();
        Directory.Delete(_root, recursive: true);
    }

    [Fact]
    public void Routers_alone_are_trained_written_and_taken_up()
    {
        TrainingResult result = Train("routers", """{ "Train": "routers", "Layers": [2, 3, 5], "Steps": 2, "BatchSize": 2, "Rate": 0.01, "Seed": 7 }""", 4);

        string file = Assert.Single(result.Files);
        Assert.Equal(Path.Combine(_root, "routers", "gamma-mod", "router.safetensors"), file);
        using JsonDocument options = JsonDocument.Parse($$"""{ "Weights": {{JsonSerializer.Serialize(file)}} }""");
        using GammaModRouter router = (GammaModRouter)TestFiles.Factory().Create(options.RootElement, _opened.Model.Decoder.Info, new FactoryFiles());
        Assert.Equal([2, 3, 5], router.Layers);
        using IWeightSource source = WeightFiles.Open(file);
        using RouterWeights trained = RouterWeights.Load(source, RouterWeights.Find(source), null, _opened.Model.Decoder.Info);
        using TrainingModel samples = new(_opened.Model, Samples(4), Path.Combine(_root, "other"));
        using Tensor first = RouterStart.Weight(samples, 7, miniGemini: false), last = trained.CopyOf(2);
        Assert.True(trained.AreShared);
        using Tensor moved = (last - first).abs().max();
        Assert.InRange(moved.item<float>(), 1e-4, 0.05);
    }

    [Fact]
    public void Fine_tuning_lowers_the_loss_and_writes_a_checkpoint_that_opens_with_its_routers()
    {
        double before = Loss(_opened.Model, 4);

        Train("all", """{ "Layers": [3, 4, 5, 6], "Steps": 12, "BatchSize": 4, "Rate": 0.001, "WarmUp": 0, "AuxLossCoef": 0.1 }""", 4);

        using OpenedModel trained = new(Path.Combine(_root, "all"));
        Assert.Equal(new[] { 3, 4, 5, 6 }.Select(RouterWeights.KeyOf), trained.Model.Unclaimed);
        double after = Loss(trained.Model, 4);
        Assert.True(after < before, $"{before} -> {after}");
        using GammaModRouter router = (GammaModRouter)TestFiles.Factory()
            .Create(default, trained.Model.Decoder.Info, new FactoryFiles(trained.Model.Folder, trained.Model.Checkpoint));
        Assert.Equal([3, 4, 5, 6], router.Layers);
    }

    [Fact]
    public void A_run_stopped_and_continued_ends_where_an_unbroken_one_does()
    {
        const string Options = """{ "Train": "routers", "Steps": 4, "BatchSize": 2, "Rate": 0.01 }""";
        Train("whole", Options, 4);
        using (CancellationTokenSource stop = new())
        {
            Assert.Throws<OperationCanceledException>(() => Train("broken", Options, 4, new StopAt(stop, 2), stop.Token));
        }

        Train("broken", Options, 4);

        Assert.Equal(File.ReadAllBytes(Path.Combine(_root, "whole", RouterLookup.File)), File.ReadAllBytes(Path.Combine(_root, "broken", RouterLookup.File)));
    }

    [Fact]
    public void A_step_leaves_no_tensor()
    {
        const string Options = """{ "Train": "routers", "Steps": 1, "BatchSize": 2 }""";
        Train("first", Options, 2);
        long before = LiveTensors.Settled();

        Train("second", Options, 2);

        // TorchSharp counts a parameter's first gradient once more: the router has one.
        Assert.InRange(LiveTensors.Settled() - before, 0, 1);
    }

    [Theory]
    [InlineData("""{ "TrainSkipRatio": 1 }""", "TrainSkipRatio is 1")]
    [InlineData("""{ "PrefixLength": 0 }""", "PrefixLength is 0")]
    [InlineData("""{ "AuxLossCoef": -1 }""", "AuxLossCoef is -1")]
    [InlineData("""{ "RouterRate": 0 }""", "RouterRate is 0")]
    [InlineData("""{ "Train": "some" }""", "it can be all, routers")]
    [InlineData("""{ "Variant": "hr" }""", "it can be llava, mgm")]
    [InlineData("""{ "Layers": [8] }""", "tiny-llava has layers 0 to 7")]
    [InlineData("""{ "Rate": 0 }""", "Rate 0 must be")]
    public void Wrong_options_are_refused(string options, string message)
    {
        ApertureException error = Assert.Throws<ApertureException>(() => Train("wrong", options, 2));

        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    private static TrainingExample[] Samples(int count)
        => [.. TrainingFile.Read(Path.Combine(_repository, "scripts", "data", "shelf-eval", "questions.jsonl")).Take(count)];

    private TrainingResult Train(
        string folder, string options, int samples, IProgress<TrainingProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        using TrainingModel model = new(_opened.Model, Samples(samples), Path.Combine(_root, folder));
        return MethodTrainer.Run(
            "gamma-mod", TestFiles.Factory(), TestFiles.Json(options), model, new TrainingPace { ReportEvery = 1 }, progress, cancellationToken);
    }

    // The loss of one training forward with the routers that the model has, or that a run would begin with.
    private double Loss(Model model, int samples)
    {
        using TrainingModel data = new(model, Samples(samples), Path.Combine(_root, Guid.NewGuid().ToString("n")));
        using GammaModTrainingRun run = new(data, new GammaModTrainingOptions { Train = "routers", Steps = 1, BatchSize = samples });
        Recorder recorder = new(run);
        MethodTrainer.Run("gamma-mod", recorder, default, data, null, null, CancellationToken.None);
        return recorder.Loss;
    }

    private static string Root()
    {
        DirectoryInfo folder = new(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Host.sln")))
        {
            folder = folder.Parent!;
        }

        return folder.FullName;
    }

    // Hands out one run and keeps its loss.
    private sealed class Recorder(GammaModTrainingRun inner) : ITrainedMethod, ITrainingRun
    {
        public double Loss { get; private set; }

        public IReadOnlyList<MethodOption> TrainingOptions => [];

        public TrainingPlan Plan => inner.Plan;

        public IReadOnlyDictionary<string, Tensor> Parameters => inner.Parameters;

        public ITrainingRun BeginTraining(ITrainingModel model, JsonElement options) => this;

        public TrainingStep Step(int step, ITrainingBatch batch, CancellationToken cancellationToken)
        {
            TrainingStep result = inner.Step(step, batch, cancellationToken);
            Loss = result.Metrics["tokens"];
            return result;
        }

        public TrainingResult Save() => new([], []);

        public void Dispose()
        {
        }
    }

    private sealed class StopAt(CancellationTokenSource stop, int step) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value)
        {
            if (value.Step == step)
            {
                stop.Cancel();
            }
        }
    }
}
