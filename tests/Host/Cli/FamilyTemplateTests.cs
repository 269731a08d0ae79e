using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Text.Json;
using Aperture.Generation;
using Aperture.Host.Tests.Plugins;
using Aperture.Images;
using Aperture.Measuring;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Plugins;
using Aperture.Requests;
using Aperture.Training;

namespace Aperture.Host.Tests.Cli;

/// <summary>A model family written outside the solution, as somebody else would, from the template: it is known, opens its models and answers.</summary>
[Trait("Category", "Process")]
[Collection(WholeProcess.Name)]
public sealed class FamilyTemplateTests(BuiltFamily built) : IClassFixture<BuiltFamily>
{
    private const string Question = "What is in the top left?";
    private static readonly GenerationOptions _eight = new() { MinNewTokens = 8, MaxNewTokens = 8 };

    [Fact]
    public void A_family_of_the_same_shape_around_another_tower_takes_three_hundred_lines_at_most()
        => Assert.InRange(SourceLines.Of(Path.Combine(built.Project, "src")), 1, 300);

    [Fact]
    public void The_plugin_is_one_assembly_over_contracts_and_modules()
    {
        string[] files = [.. Directory.GetFiles(built.Plugin).Select(file => Path.GetFileName(file)).Order()];
        Assert.Equal(["SigLlava.deps.json", "SigLlava.dll", "SigLlava.pdb", "SigLlava.runtimeconfig.json"], files);
        Assert.Equal(["Aperture.Abstractions", "Aperture.Modules"], References().Where(name => name.StartsWith("Aperture.", StringComparison.Ordinal)).Order());
    }

    [Fact]
    public async Task The_command_lists_it_and_asks_its_model()
    {
        (int code, string output, string error) = await built.Run("models", "list", "--plugin", built.Plugin);
        Assert.Equal((0, ""), (code, error));
        Assert.Contains(output.Split('\n'), line => line.Contains("sigllava") && line.Contains("LLaVA's shape around SigLIP"));
        Assert.Contains("siglip_vision_model", output, StringComparison.Ordinal);

        string[] ask = ["ask", built.Checkpoint, built.Shelf, Question, "--max-new-tokens", "8", "--dtype", "float32", "--plugin", built.Plugin];
        (code, output, error) = await built.Run(ask);
        Assert.True(code == 0, error);
        Assert.NotEqual("", output.Trim());
        Assert.Equal(output, (await built.Run(ask)).Output);
    }

    [Fact]
    public async Task It_answers_what_the_picture_decides_the_same_twice_and_frees_its_tensors()
    {
        long before = LiveTensors.Settled();
        await using (EngineSession session = Open())
        {
            Pipeline model = session.Load(built.Checkpoint);
            Image shelf = Image.Load(built.Shelf), noise = Image.Load(built.Noise);
            Answer answer = await model.Ask(shelf, Question, _eight);
            Assert.Equal(("sigllava", 16, 8), (model.Model.Family, answer.VisualTokens, answer.Tokens.Count));
            Assert.Equal(answer.Tokens, (await model.Ask(shelf, Question, _eight)).Tokens);
            Assert.NotEqual(answer.Tokens, (await model.Ask(noise, Question, _eight)).Tokens);
            Assert.Empty(model.Model.Unclaimed);
        }

        Assert.Equal(before, LiveTensors.Settled());
    }

    [Fact]
    public async Task A_token_reducer_of_another_plugin_acts_in_it()
    {
        await using EngineSession session = Open();
        Pipeline model = session.Load(built.Checkpoint);
        Image shelf = Image.Load(built.Shelf);
        Answer plain = await model.Ask(shelf, Question, _eight), pooled = await model.With("pooling", new { Tokens = 4 }).Ask(shelf, Question, _eight);
        Assert.Equal((16, 4, 8), (plain.VisualTokens, pooled.VisualTokens, pooled.Tokens.Count));
        Assert.True(pooled.Flops.Total < plain.Flops.Total);
        Assert.Equal(pooled.Tokens, (await model.With("pooling", new { Tokens = 4 }).Ask(shelf, Question, _eight)).Tokens);
        Assert.Equal(plain.Tokens, (await model.With("pooling", new { Tokens = 16 }).Ask(shelf, Question, _eight)).Tokens);
    }

    [Fact]
    public async Task Its_model_is_trained_and_what_is_written_is_one_of_the_family()
    {
        await using EngineSession session = Open();
        Model model = session.Load(built.Checkpoint).Model;
        string trained = Path.Combine(built.Root, "trained"), questions = Repository.Path("scripts", "data", "shelf-eval", "questions.jsonl");
        Losses losses = new();
        using (TrainingModel training = new(model, [.. TrainingFile.Read(questions).Take(2)], trained))
        using (JsonDocument options = JsonDocument.Parse("""{ "Steps": 12, "BatchSize": 2, "Rate": 0.01, "WarmUp": 0 }"""))
        {
            TrainingPace every = new() { ReportEvery = 1 };
            MethodTrainer.Run(DenseTraining.Name, new DenseTraining(), options.RootElement, training, every, losses, CancellationToken.None);
        }

        Assert.Equal(12, losses.Seen.Count);
        Assert.True(losses.Seen[^1] < losses.Seen[0] / 2, $"{losses.Seen[0]} -> {losses.Seen[^1]}");
        Pipeline again = session.Load(trained);
        Image shelf = Image.Load(built.Shelf);
        Assert.Equal("sigllava", again.Model.Family);
        Assert.Empty(again.Model.Unclaimed);
        Assert.NotEqual((await session.Load(built.Checkpoint).Ask(shelf, Question, _eight)).Tokens, (await again.Ask(shelf, Question, _eight)).Tokens);
    }

    [Theory]
    [InlineData("config.json", "\"full\"", "\"default\"", "vision_feature_select_strategy 'default' drops a class token")]
    [InlineData("config.json", "\"vision_feature_layer\": -2", "\"vision_feature_layer\": -5", "vision_feature_layer -5 does not exist")]
    [InlineData("preprocessor_config.json", "SiglipImageProcessor", "CLIPImageProcessor", "image_processor_type is 'CLIPImageProcessor'")]
    [InlineData("preprocessor_config.json", "\"height\": 36", "\"height\": 27", "must resize to 36x36 pixels")]
    public async Task What_it_would_have_to_guess_is_refused_in_one_line(string file, string what, string with, string told)
    {
        string folder = built.Changed(file, what, with);
        await using EngineSession session = Open();
        ApertureException error = Assert.Throws<ApertureException>(() => session.Load(folder));
        Assert.Contains(told, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public async Task Without_the_plugin_its_checkpoint_is_of_no_family()
    {
        (int code, string output, string error) = await built.Run("ask", built.Checkpoint, built.Shelf, Question);
        Assert.Equal((1, ""), (code, output));
        Assert.StartsWith($"error: '{built.Checkpoint}' holds a LlavaForConditionalGeneration, which no model family recognises; there are llava, ", error);
        Assert.Single(error.TrimEnd('\n').Split('\n'));
    }

    private string[] References()
    {
        using PEReader file = new(File.OpenRead(Path.Combine(built.Plugin, "SigLlava.dll")));
        MetadataReader metadata = file.GetMetadataReader();
        return [.. metadata.AssemblyReferences.Select(handle => metadata.GetString(metadata.GetAssemblyReference(handle).Name))];
    }

    private EngineSession Open()
    {
        PluginCatalog shipped = PluginCatalog.Read();
        PluginHost plugins = new(new PluginCatalog([.. shipped.Entries, new PluginEntry("sigllava", built.Plugin)], shipped.Source));
        return EngineSession.Start(
            new EngineOptions { Plugins = plugins, Models = new ModelOptions { Device = "cpu", Type = "float32", Threads = 1 } });
    }

    private sealed class Losses : IProgress<TrainingProgress>
    {
        public List<double> Seen { get; } = [];

        public void Report(TrainingProgress value) => Seen.Add(value.Loss);
    }
}
