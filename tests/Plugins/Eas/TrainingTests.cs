using System.Text.Json;
using Aperture.Decoding;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Plugins.Eas.Search;
using Aperture.Plugins.Eas.Training;
using Aperture.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.Eas.Tests;

/// <summary>Search and training on the shipped small model, a few steps of each.</summary>
[Trait("Category", "Process")] // Starts none, but trains.
public sealed class TrainingTests : IDisposable
{
    private const string Small = "\"BatchSize\": 2, \"AdapterDim\": 8, \"PiaDim\": 16, \"Rate\": 0.002";

    private readonly string _root = Directory.CreateTempSubdirectory("aperture-eas-train").FullName;
    private readonly OpenedModel _opened = new(Checkout("scripts", "models", "tiny-llava-dense"));
    private readonly IReadOnlyList<TrainingExample> _examples = [.. TrainingFile.Read(Checkout("scripts", "data", "shelf-eval", "questions.jsonl")).Take(12)];

    public void Dispose()
    {
        _opened.Dispose();
        Directory.Delete(_root, recursive: true);
    }

    [Fact]
    public void A_search_stopped_and_continued_finds_what_an_unbroken_one_finds()
    {
        const string Options
            = $$"""{ "Stage": "Search", "Steps": 4, "SkipCount": 3, "SearchWarmUp": 2, "Every": 1, "Sets": 2, {{Small}}, "TrainProjector": false, "Task": "shelves" }""";
        Train("whole", Options);
        using (CancellationTokenSource stop = new())
        {
            Assert.Throws<OperationCanceledException>(() => Train("broken", Options, new StopAt(stop, 2), cancellationToken: stop.Token));
        }

        Train("broken", Options);

        SearchResult result = SearchResult.Read(Path.Combine(_root, "whole", "search.json"));
        Assert.Equal(File.ReadAllText(Path.Combine(_root, "whole", "search.json")), File.ReadAllText(Path.Combine(_root, "broken", "search.json")));
        Assert.Equal(("LLaVA", "shelves", 3, 8, 3), (result.Base, result.Task, result.K, result.Scores.Count, result.Skip.Count));
        Assert.Contains(result.Scores, score => score != 0);
        Assert.Equal(result.Skip.OrderByDescending(arm => result.Scores[arm]), result.Skip);
    }

    [Fact]
    public void Trained_adapters_lower_the_loss_and_open_from_a_file_beside_the_model()
    {
        const string Options
            = """{ "SkipLayers": [2, 5], "Steps": 12, "WarmUp": 0, "Dropout": 0, "BatchSize": 4, "Rate": 0.002, "AdapterDim": 8, "PiaDim": 16, "TrainProjector": false }""";
        double first = double.NaN, last = double.NaN;
        Train("adapters", Options, new Losses(loss => (first, last) = (double.IsNaN(first) ? loss : first, loss)), [.. _examples.Take(4)]);

        Assert.True(last < first / 2, $"{first} -> {last}");
        string file = Path.Combine(_root, "adapters", "adapters.safetensors");
        using EasRouter router = (EasRouter)new EasFactory()
            .Create(TestFiles.Json($$"""{ "Adapters": "{{file}}" }"""), _opened.Model.Decoder.Info, new FactoryFiles());
        Assert.Equal([2, 5], router.Skipped.Order());
    }

    [Fact]
    public void A_checkpoint_with_its_projector_opens_without_the_skipped_attention()
    {
        Train("checkpoint", $$"""{ "SkipLayers": [1], "Steps": 2, {{Small}} }""");

        using OpenedModel trained = new(Path.Combine(_root, "checkpoint"));
        Assert.Equal([1], trained.Model.Decoder.Info.LayersWithoutAttention);
        using EasRouter router = (EasRouter)new EasFactory()
            .Create(default, trained.Model.Decoder.Info, new FactoryFiles(trained.Model.Folder, trained.Model.Checkpoint));
        Assert.Equal([1], router.Skipped);
        using Tensor before = ((Projector)_opened.Model.Projector).Layers[0].Dense(), after = ((Projector)trained.Model.Projector).Layers[0].Dense();
        Assert.NotEqual(before.data<float>().ToArray(), after.to_type(ScalarType.Float32).data<float>().ToArray());
        HookTableBuilder.Build(trained.Model.Decoder.Info, [router]);
    }

    [Fact]
    public void Without_a_list_the_searchs_file_is_taken()
    {
        Train("both", $$"""{ "Stage": "Search", "Steps": 3, "SkipCount": 2, "SearchWarmUp": 1, {{Small}}, "TrainProjector": false }""");
        int[] found = [.. SearchResult.Read(Path.Combine(_root, "both", "search.json")).Skip];
        Directory.Delete(Path.Combine(_root, "both", MethodTrainer.RunFolder), recursive: true);

        using TrainingModel model = new(_opened.Model, _examples, Path.Combine(_root, "both"));
        using ITrainingRun run = new EasFactory().BeginTraining(model, TestFiles.Json($$"""{ "Steps": 1, {{Small}} }"""));

        Assert.Equal(
            found.Order(),
            run.Parameters.Keys.Where(name => name.EndsWith("replaced_adapter.conv_A.weight", StringComparison.Ordinal))
                .Select(name => int.Parse(name.Split('.')[2]))
                .Order());
        Assert.Contains(run.Parameters.Keys, name => name.StartsWith("model.mm_projector.", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("{ }", "nothing says which layers to leave out")]
    [InlineData("""{ "SkipLayers": [8] }""", "SkipLayers names layer 8, but tiny-llava-dense has layers 0 to 7")]
    [InlineData("""{ "SkipLayers": [0,1,2,3,4,5,6,7] }""", "names all 8 layers; some attention must stay")]
    [InlineData("""{ "SkipLayers": [1], "PiaDim": 15 }""", "PiaDim is 15; give a multiple of Groups (2)")]
    [InlineData("""{ "SkipLayers": [1], "Dropout": 1 }""", "Dropout is 1;")]
    [InlineData("""{ "Stage": "Search", "SkipCount": 8 }""", "SkipCount is 8; give 1 to 7")]
    [InlineData("""{ "Stage": "Search", "SkipLayers": [1] }""", "SkipLayers is what a search finds")]
    public void Wrong_options_give_one_clear_line(string options, string message)
    {
        ApertureException error = Assert.Throws<ApertureException>(() => Train("wrong", options));

        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Training_leaves_no_tensor_behind()
    {
        string search
            = $$"""{ "Stage": "Search", "Steps": 2, "SkipCount": 2, "SearchWarmUp": 1, "Every": 1, "Sets": 2, {{Small}} }""",
            adapters = $$"""{ "SkipLayers": [3], "Steps": 2, {{Small}} }""";
        Train("search0", search);
        Train("adapters0", adapters);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        long before = LiveTensors.Settled();

        Train("search1", search);
        Train("adapters1", adapters);

        Assert.Equal(before, Tensor.TotalCount);
    }

    private void Train(
        string folder, string options, IProgress<TrainingProgress>? progress = null, IReadOnlyList<TrainingExample>? examples = null,
        CancellationToken cancellationToken = default)
    {
        using JsonDocument json = JsonDocument.Parse(options);
        using TrainingModel model = new(_opened.Model, examples ?? _examples, Path.Combine(_root, folder));
        MethodTrainer.Run("eas", new EasFactory(), json.RootElement, model, new TrainingPace { ReportEvery = 1 }, progress, cancellationToken);
    }

    private static string Checkout(params string[] parts)
    {
        DirectoryInfo folder = new(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Host.sln")))
        {
            folder = folder.Parent!;
        }

        return Path.Combine([folder.FullName, .. parts]);
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

    private sealed class Losses(Action<double> loss) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => loss(value.Loss);
    }
}
