using System.Text.Json;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Plugins.DyVte.Gates;
using Aperture.Plugins.DyVte.Training;
using Aperture.Training;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.DyVte.Tests;

/// <summary>Gates trained on the shipped small model for a few steps.</summary>
[Trait("Category", "Process")] // Starts none, but trains.
public sealed class GateTrainingTests : IDisposable
{
    private static readonly string _repository = FindRepository();
    private static readonly string _questions = Path.Combine(_repository, "scripts", "data", "shelf-eval", "questions.jsonl");
    private readonly string _root = Directory.CreateTempSubdirectory("aperture-gates-").FullName;
    private readonly OpenedModel _opened = new(Path.Combine(_repository, "scripts", "models", "tiny-llava"));

    [Fact]
    public void A_run_writes_gates_that_the_method_opens_and_leaves_the_model_alone()
    {
        TrainingResult result = Train("run", """{"Steps":3,"BatchSize":4,"GateHidden":8,"LayersPerStep":8,"Rate":0.01}""");

        string path = Path.Combine(_root, "run", GateFiles.Beside);
        Assert.Equal([Path.GetFullPath(path)], result.Files);
        Assert.Equal(8, result.Summary.Count);
        using GateSet gates = GateFiles.Open(new DyVteOptions { Gates = path }, _opened.Model.Decoder.Info, new FactoryFiles());
        using GateTensors fresh = new(GateInitialisation.Create(8, 256, 8, 42));
        using IWeightSource written = WeightFiles.Open(path);
        Assert.Equal(16, written.Names.Count);
        Assert.All(written.Names, name => Assert.True(Difference(written, fresh, name) > 1e-3, name));
    }

    [Fact]
    public void Only_gates_of_drawn_layers_change()
    {
        Train("run", """{"Steps":1,"BatchSize":2,"GateHidden":8,"Rate":0.01,"WarmUp":0}""");

        using GateTensors fresh = new(GateInitialisation.Create(8, 256, 8, 42));
        using IWeightSource written = WeightFiles.Open(Path.Combine(_root, "run", GateFiles.Beside));
        Assert.Equal(2, written.Names.Count(name => Difference(written, fresh, name) > 0));
    }

    [Fact]
    public void A_gate_learns_what_its_layer_is_asked()
    {
        double before = Loss("""{"Steps":1,"BatchSize":8,"GateHidden":32,"LayersPerStep":8}""");
        Train("run", samples: 8, options: """{"Steps":10,"BatchSize":8,"GateHidden":32,"LayersPerStep":8,"Rate":0.01,"WarmUp":0}""");

        double after = Loss($$"""{"Steps":1,"BatchSize":8,"LayersPerStep":8,"Gates":"{{Path.Combine(_root, "run", GateFiles.Beside)}}"}""");

        Assert.True(after < 0.8 * before, $"{before} -> {after}");
    }

    [Fact]
    public void The_last_layers_label_is_always_exit()
    {
        using TrainingModel samples = Samples("labels", 6);
        using TrainingBatch batch = samples.Batch([0, 1, 2, 3, 4, 5], CancellationToken.None);
        IReadOnlyList<ExitOutcome> outcomes = new ExitPass(batch, 8, withPrefix: false).Run([0, 7], CancellationToken.None);

        Assert.All(outcomes[1].Answers, answer => Assert.True(new LabelRule().Exits(answer)));
        Assert.All(outcomes[1].Answers, answer => Assert.Equal((1f, answer.CeFull), (answer.Agreement, answer.CeChanged)));
        Assert.Contains(outcomes[0].Answers, answer => !new LabelRule().Exits(answer));
        foreach (ExitOutcome outcome in outcomes)
        {
            outcome.Dispose();
        }
    }

    [Fact]
    public void A_whole_checkpoint_brings_its_gates_along()
    {
        Train("run", """{"Steps":1,"BatchSize":2,"GateHidden":8,"WholeCheckpoint":true}""");

        string folder = Path.Combine(_root, "run");
        File.Delete(Path.Combine(folder, GateFiles.Beside));
        using OpenedModel trained = new(folder);
        using GateSet gates = GateFiles.Open(new DyVteOptions(), trained.Model.Decoder.Info, new FactoryFiles(folder));
        Assert.Equal(256, gates.Inputs);
    }

    [Fact]
    public void A_run_stopped_and_continued_ends_where_an_unbroken_one_does()
    {
        const string Options = """{"Steps":4,"BatchSize":3,"GateHidden":8,"LayersPerStep":2}""";
        Train("whole", Options);
        using (CancellationTokenSource stop = new())
        {
            Assert.Throws<OperationCanceledException>(() => Train("broken", Options, new StopAt(stop, 2), cancellationToken: stop.Token));
        }

        TrainingResult result = Train("broken", Options);

        Assert.Equal(File.ReadAllBytes(Path.Combine(_root, "whole", GateFiles.Beside)), File.ReadAllBytes(Path.Combine(_root, "broken", GateFiles.Beside)));
        Assert.NotEmpty(result.Summary);
    }

    [Theory]
    [InlineData("""{"GateHidden":0}""", "GateHidden is 0")]
    [InlineData("""{"LayersPerStep":9}""", "LayersPerStep is 9, but tiny-llava has 8 layers")]
    [InlineData("""{"LayersPerStep":0}""", "LayersPerStep is 0")]
    [InlineData("""{"AgreeThreshold":1}""", "AgreeThreshold is 1")]
    [InlineData("""{"CeRatio":0}""", "CeRatio is 0")]
    [InlineData("""{"LabelRule":"both"}""", "relative, absolute")]
    [InlineData("""{"LabelRule":"absolute"}""", "CeThreshold is not given")]
    [InlineData("""{"CeThreshold":0.2}""", "LabelRule relative none")]
    [InlineData("""{"GateInput":"attention"}""", "text, all-text")]
    [InlineData("""{"Rate":-1}""", "Rate -1")]
    [InlineData("""{"Gates":"none.safetensors"}""", "none.safetensors")]
    public void Wrong_options_are_named(string options, string message)
    {
        ApertureException error = Assert.Throws<ApertureException>(() => Train("wrong", options));

        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void Every_option_is_described_and_nothing_else()
        => Assert.Equal(
            OptionsJson.Default.GateTrainingOptions.Properties.Where(p => p.Set is not null).Select(p => p.Name).Order(),
            new DyVteFactory().TrainingOptions.Select(o => o.Name).Order());

    [Fact]
    public void The_papers_rule_holds_the_cross_entropy_against_a_number()
    {
        AnswerComparison sure = new(1, 0.1f, 0.15f), unsure = new(1, 2f, 2f), other = new(0.5f, 0.1f, 0.1f);

        Assert.Equal([false, true, false], new[] { sure, unsure, other }.Select(new LabelRule().Exits));
        Assert.Equal([true, false, false], new[] { sure, unsure, other }.Select(new LabelRule(CeThreshold: 0.2).Exits));
    }

    [Fact]
    public void Training_leaves_no_tensor_behind()
    {
        const string Options = """{"Steps":2,"BatchSize":3,"GateHidden":8,"LayersPerStep":2}""";
        Train("warm", Options);
        long before = LiveTensors.Settled();

        Train("counted", Options);

        Assert.Equal(before, Tensor.TotalCount);
    }

    public void Dispose()
    {
        _opened.Dispose();
        Directory.Delete(_root, recursive: true);
    }

    private static double Difference(IWeightSource a, IWeightSource b, string name)
    {
        using DisposeScope scope = NewDisposeScope();
        return a.Load(name).sub(b.Load(name)).abs().max().item<float>();
    }

    private static string FindRepository()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "Host.sln")))
        {
            folder = Path.GetDirectoryName(folder);
        }

        return folder ?? throw new InvalidOperationException("The tests do not lie in the repository.");
    }

    private TrainingModel Samples(string folder, int count) => new(_opened.Model, [.. TrainingFile.Read(_questions).Take(count)], Path.Combine(_root, folder));

    private double Loss(string options)
    {
        using DisposeScope scope = NewDisposeScope();
        using TrainingModel samples = Samples("loss", 8);
        using ITrainingRun run = new DyVteFactory().BeginTraining(samples, JsonDocument.Parse(options).RootElement);
        using TrainingBatch batch = samples.Batch([.. Enumerable.Range(0, 8)], CancellationToken.None);
        return run.Step(0, batch, CancellationToken.None).Loss!.item<float>();
    }

    private TrainingResult Train(
        string folder, string options, IProgress<TrainingProgress>? progress = null, int samples = 16, CancellationToken cancellationToken = default)
    {
        using TrainingModel model = Samples(folder, samples);
        return MethodTrainer.Run(
            "dyvte", new DyVteFactory(), JsonDocument.Parse(options).RootElement, model, new TrainingPace { ReportEvery = 1 }, progress, cancellationToken);
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
