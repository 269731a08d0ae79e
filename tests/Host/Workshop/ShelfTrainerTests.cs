using Aperture.Decoding;
using Aperture.Engine.Tests.Decoding;
using Aperture.Host.Tests.Cli;
using Aperture.Host.Tests.Plugins;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Sequences;
using Aperture.Training;
using Aperture.Vision;
using Aperture.Weights;
using Aperture.Workshop;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace Aperture.Host.Tests.Workshop;

[Collection(WholeProcess.Name)]
[Trait("Category", "Process")] // And keeps this one busy for long.
public sealed class ShelfTrainerTests : IDisposable
{
    private readonly ItemFiles _items = new();

    public void Dispose() => _items.Dispose();

    [Fact]
    public void A_run_stopped_in_every_stage_and_continued_ends_where_an_unbroken_one_does()
    {
        string whole = Folder("whole"), broken = Folder("broken");
        ShelfTrainer.Run(WithModel(whole), null, CancellationToken.None);
        foreach (string stage in (string[])["vision", "language", "joined"])
        {
            using CancellationTokenSource stop = new();
            Assert.Throws<OperationCanceledException>(() => ShelfTrainer.Run(WithModel(broken), new StopAt(stop, stage, 1), stop.Token));
            Assert.False(Directory.Exists(Path.Combine(broken, "model")));
        }

        ShelfTrainer.Run(WithModel(broken), null, CancellationToken.None);

        Assert.All(
            (string[])["1-vision", "2-language", "3-joined"],
            stage => Assert.Equal(File.ReadAllBytes(Checkpoint(whole, stage)), File.ReadAllBytes(Checkpoint(broken, stage))));
        string weights = Path.Combine("model", "model.safetensors");
        Assert.Equal(File.ReadAllBytes(Path.Combine(whole, weights)), File.ReadAllBytes(Path.Combine(broken, weights)));
    }

    [Fact]
    public void A_stage_goes_on_only_from_the_weights_that_it_began_with()
    {
        string folder = Folder("run");
        ShelfTrainerOptions options = Options(folder);
        ShelfTrainer.Run(options with { Stages = [.. options.Stages.Take(2)] }, null, CancellationToken.None);

        ShelfTrainerOptions longer = options with { Stages = [options.Stages[0] with { Steps = 3 }, options.Stages[1]] };
        foreach (ShelfTrainerOptions other in (ShelfTrainerOptions[])[options with { Seed = 5 }, longer])
        {
            ApertureException error = Assert.Throws<ApertureException>(() => ShelfTrainer.Run(other, null, CancellationToken.None));
            Assert.Contains("belongs to another run", error.Message, StringComparison.Ordinal);
        }

        File.Delete(Checkpoint(folder, "1-vision")); // trained anew it ends with the same weights, so the second stage stays what it was
        List<TrainingProgress> reports = [];
        ShelfTrainer.Run(options with { Stages = [.. options.Stages.Take(2)] }, new Collector(reports), CancellationToken.None);
        Assert.Equal(["vision", "vision"], reports.Select(report => report.Stage));
    }

    [Fact]
    public void Stages_trained_side_by_side_join_into_one_run()
    {
        string vision = Folder("vision"), language = Folder("language"), joined = Folder("joined"), model = Folder("model");
        ShelfStageOptions[] stages = [.. Options("").Stages];
        ShelfTrainer.Run(Options(vision) with { Stages = [stages[0]] }, null, CancellationToken.None);
        ShelfTrainer.Run(Options(language) with { Stages = [stages[1]] }, null, CancellationToken.None);
        ShelfTrainer.Run(Options(joined) with { Stages = [], StartFrom = [vision, language], ModelFolder = model }, null, CancellationToken.None);

        using IWeightSource see = WeightFiles.Open(Checkpoint(vision, "1-vision")), speak = WeightFiles.Open(Checkpoint(language, "1-language"));
        using IWeightSource both = WeightFiles.Open(Path.Combine(model, "model.safetensors"));
        AssertSame(see, both, "vision_tower.vision_model.encoder.layers.0.mlp.fc1.weight");
        AssertSame(speak, both, "language_model.model.layers.7.mlp.down_proj.weight");
    }

    [Fact]
    public void The_written_folder_opens_through_the_loaders_of_published_checkpoints()
    {
        string folder = Folder("run"), model = Folder("model");
        ShelfTrainer.Run(Options(folder) with { ModelFolder = model }, null, CancellationToken.None);

        using OpenedModel opened = new(model);
        Assert.Equal("llava", opened.Model.Family);
        Assert.Empty(opened.Model.Unclaimed);
        Assert.True(opened.Model.Decoder.Info.VisualTokens >= 100, "at least 100 visual tokens");
        Assert.True(opened.Model.Decoder.Info.Layers >= 8, "at least 8 decoder layers");
        Assert.NotNull(opened.Model.Tokenizer);
        Assert.True(new FileInfo(Path.Combine(model, "model.safetensors")).Length < 10_000_000);
    }

    [Fact]
    public void A_question_behind_a_shared_picture_is_answered_as_if_asked_alone()
    {
        DecoderSpec config = ShelfArchitecture.Decoder(64);
        using ShelfParameters parameters = new(64, 3);
        using Ops plain = new(CPU, ScalarType.Float32, threads: 1);
        using ParameterSource source = new(parameters.Tensors, ScalarType.Float32);
        WeightPolicy policy = new(CPU, ScalarType.Float32, ScalarType.Float32);
        DecoderWeights weights = DecoderWeights.Load(source, ShelfArchitecture.DecoderPrefix, ShelfArchitecture.Head, config, policy);
        using Decoder decoder = new(config, weights, plain.ForTraining(), ShelfArchitecture.Info(config));
        int[] shared = [5, 6, 7, 8], first = [9, 10, 11], second = [12, 13, 14];
        bool[,] visible = new bool[10, 10];
        for (int row = 0; row < 10; row++)
        {
            for (int key = 0; key <= row; key++)
            {
                visible[row, key] = key < 4 || key >= 7 == row >= 7;
            }
        }

        using DisposeScope scope = NewDisposeScope();
        Tensor mask = tensor(visible).view(1, 1, 10, 10).repeat_interleave(config.KeyValueHeads, 0);
        Tensor packed = Run(decoder, [.. shared, .. first, .. second], [0, 1, 2, 3, 4, 5, 6, 4, 5, 6], mask);
        Tensor aloneFirst = Run(decoder, [.. shared, .. first], [0, 1, 2, 3, 4, 5, 6], null);
        Tensor aloneSecond = Run(decoder, [.. shared, .. second], [0, 1, 2, 3, 4, 5, 6], null);

        Assert.True(packed.narrow(0, 0, 7).allclose(aloneFirst, 1e-4, 1e-4));
        Assert.True(packed.narrow(0, 7, 3).allclose(aloneSecond.narrow(0, 4, 3), 1e-4, 1e-4));
    }

    [Fact]
    public void A_run_leaves_no_tensor_alive()
    {
        ShelfTrainer.Run(Options(Folder("warm")), null, CancellationToken.None);

        LiveTensors.MustNotGrow(() => ShelfTrainer.Run(Options(Folder("run")), null, CancellationToken.None));
    }

    [Fact]
    public void A_start_folder_without_a_checkpoint_is_named()
    {
        ApertureException error = Assert.Throws<ApertureException>(
            () => ShelfTrainer.Run(Options(Folder("run")) with { StartFrom = [Folder("nothing")] }, null, CancellationToken.None));

        Assert.Contains("checkpoint.safetensors", error.Message);
    }

    [Fact]
    public void A_sets_decoder_begins_with_a_models_words_and_its_own_behind_them()
    {
        string few = Folder("few"), many = Folder("many");
        ShelfTrainer.Run(Options(Folder("run")) with { Stages = [], ModelFolder = few }, null, CancellationToken.None);
        ShelfTrainerOptions numbers = Options(Folder("numbers")) with { Set = ShelfSet.Numbers, Seed = 5, Stages = [], ModelFolder = many };
        ShelfTrainer.Run(numbers with { StartFrom = [few] }, null, CancellationToken.None);

        using IWeightSource small = WeightFiles.Open(few), large = WeightFiles.Open(many);
        foreach (string name in small.Names.Where(name => name.StartsWith("language_model.", StringComparison.Ordinal)))
        {
            using Tensor a = small.Load(name), b = large.Load(name);
            Assert.True(b.narrow(0, 0, a.size(0)).allclose(a, 0, 0), name);
        }

        Assert.True(large.Describe("language_model.lm_head.weight").Shape[0] > small.Describe("language_model.lm_head.weight").Shape[0]);
        ApertureException error = Assert.Throws<ApertureException>(
            () => ShelfTrainer.Run(Options(Folder("back")) with { Stages = [], StartFrom = [many] }, null, CancellationToken.None));
        Assert.Contains("of a shape that fits", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(168)]
    [InlineData(336)]
    public void Numbers_are_learned_at_any_side_of_the_tower(int side)
    {
        List<TrainingProgress> reports = [];
        string model = Folder("model");
        ShelfTrainerOptions options = Options(Folder("run")) with { Set = ShelfSet.Numbers, TowerSide = side, ModelFolder = model, EvaluateEvery = 2 };

        ShelfTrainer.Run(options with { EvaluationPictures = 2 }, new Collector(reports), CancellationToken.None);

        Assert.Contains("number", reports.First(report => report.Scores is not null).Scores!.Keys);
        Assert.Contains("number-at", reports[^1].Scores!.Keys);
        using OpenedModel opened = new(model);
        Assert.Equal(side / 14 * (side / 14), opened.Model.Decoder.Info.VisualTokens);
    }

    [Theory]
    [InlineData(100)]
    [InlineData(0)]
    [InlineData(420)]
    public void A_side_that_the_tower_cannot_see_is_named(int side)
    {
        ShelfTrainerOptions options = Options(Folder("run")) with { Set = ShelfSet.Numbers, TowerSide = side };

        ApertureException error = Assert.Throws<ApertureException>(() => ShelfTrainer.Run(options, null, CancellationToken.None));

        Assert.Contains($"{side} pixels; give a multiple of 42", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_with_another_pair_of_eyes_is_trained_and_written_in_its_own_layout()
    {
        string source = Repository.Path("scripts", "models", "tiny-llava-hr"), written = Folder("model");
        using OpenedModel opened = new(source);
        ShelfTrainerOptions options = Options(Folder("run")) with { Set = ShelfSet.Numbers, Model = opened.Model, ModelFolder = written };

        LiveTensors.MustNotGrow(() => ShelfTrainer.Run(options, null, CancellationToken.None));

        using IWeightSource before = WeightFiles.Open(source), after = WeightFiles.Open(written);
        Assert.Equal(before.Names.Order(StringComparer.Ordinal), after.Names.Order(StringComparer.Ordinal));
        string[] changed = [.. before.Names.Where(name => Differs(before, after, name))];
        Assert.Contains(changed, name => name.Contains("stages.", StringComparison.Ordinal)); // the high-resolution tower's
        Assert.Contains(changed, name => name.StartsWith("model.layers.", StringComparison.Ordinal));
        Assert.Contains("model.mm_projector.2.weight", changed);
        using OpenedModel again = new(written);
        Assert.Equal(144, again.Model.Decoder.Info.VisualTokens);
    }

    [Fact]
    public async Task A_model_with_a_method_of_its_own_is_made_by_a_script_and_trained_while_the_method_rests()
    {
        string source = Folder("untrained"), written = Folder("model"), models = Repository.Path("scripts", "models");
        using (CommandFolder f = new())
        {
            (int code, _, string error) = await f.Run(
                "run", Repository.Path("scripts", "train", "flash-sloth.csx"), "--", Path.Combine(models, "tiny-llava"),
                Path.Combine(models, "tiny-llava-low"), Repository.Path("scripts", "shelf.png"), source);
            Assert.True(code == 0, error);
        }

        using (OpenedModel opened = new(source))
        {
            ShelfTrainer.Run(Options(Folder("run")) with { Model = opened.Model, ModelFolder = written }, null, CancellationToken.None);
        }

        using IWeightSource before = WeightFiles.Open(source), after = WeightFiles.Open(written);
        Assert.Equal(before.Names.Order(StringComparer.Ordinal), after.Names.Order(StringComparer.Ordinal));
        string[] changed = [.. before.Names.Where(name => Differs(before, after, name))];
        Assert.Contains("model.layers.7.mlp.fc2.weight", changed);
        Assert.Contains("model.mm_projector.0.weight", changed);
        Assert.Contains(changed, name => name.StartsWith("model.vision_tower.", StringComparison.Ordinal));
        Assert.DoesNotContain(changed, name => name.Contains("pooling", StringComparison.Ordinal) || name.Contains("lqformer", StringComparison.Ordinal));
        Assert.DoesNotContain("model.learnable_tokens.token", changed);
        using OpenedModel again = new(written);
        Assert.Empty(again.Model.Unclaimed);
        Assert.Equal(36, again.Model.Decoder.Info.VisualTokens);
    }

    [Fact]
    public void A_model_whose_eyes_do_not_learn_is_named()
    {
        using OpenedModel opened = new(Repository.Path("scripts", "models", "tiny-llava"));
        ShelfTrainerOptions options = Options(Folder("run")) with { Model = opened.Model };

        ApertureException error = Assert.Throws<ApertureException>(() => ShelfTrainer.Run(options, null, CancellationToken.None));

        Assert.Contains("its vision encoder cannot be trained", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Training_lowers_the_loss()
    {
        List<TrainingProgress> reports = [];
        ShelfStageOptions stage = new(ShelfStage.Language, 12, 4, 3e-3, 0.02, 1) { WarmUp = 2, TextRows = 40 };

        ShelfTrainer.Run(Options(Folder("run")) with { Stages = [stage], ReportEvery = 4, EvaluateEvery = 12 }, new Collector(reports), CancellationToken.None);

        Assert.Equal([4, 8, 12], reports.Select(report => report.Step));
        Assert.True(reports[^1].Loss < 0.7 * reports[0].Loss, $"{reports[0].Loss} -> {reports[^1].Loss}");
        Assert.Contains("count-kind", reports[^1].Scores!.Keys);
    }

    private ShelfTrainerOptions Options(string folder) => new()
    {
        RunFolder = folder,
        ItemsFolder = _items.Folder,
        Seed = 4,
        Stages =
        [
            new(ShelfStage.Vision, 2, 2, 2e-3, 0, 16) { WarmUp = 2 },
            new(ShelfStage.Language, 2, 2, 3e-3, 0.02, 1) { WarmUp = 2, TextRows = 40 },
            new(ShelfStage.Joined, 3, 2, 1e-3, 0.01, 1) { WarmUp = 2, TextRows = 40, AllPatches = 0.4 },
        ],
        ReportEvery = 1,
        EvaluateEvery = 100,
        EvaluationPictures = 4,
    };

    private ShelfTrainerOptions WithModel(string folder) => Options(folder) with { ModelFolder = Path.Combine(folder, "model") };

    private string Folder(string name) => Path.Combine(_items.Folder, name);

    private static string Checkpoint(string run, string stage) => Path.Combine(run, stage, MethodTrainer.RunFolder, TrainingCheckpoint.FileName);

    private static Tensor Run(Decoder decoder, int[] ids, int[] positions, Tensor? visible)
    {
        SequenceLayout[] layouts = [SequenceLayout.Create([new Aperture.Sequences.Span(SpanKind.Text, ids.Length)], positions)];
        using RequestContext request = new(decoder.Info, layouts, null, null, null);
        using ForwardState state = decoder.Begin(request, DecoderPhase.Train, layouts);
        state.Visible = visible;
        return decoder.Run(state, decoder.Embed(ids), CancellationToken.None);
    }

    private static void AssertSame(IWeightSource trained, IWeightSource written, string name)
    {
        using Tensor a = trained.Load("parameter." + name), rounded = a.to_type(ScalarType.BFloat16), b = written.Load(name);
        Assert.True(rounded.allclose(b, 0, 0), name);
    }

    private static bool Differs(IWeightSource before, IWeightSource after, string name)
    {
        using Tensor a = before.Load(name), b = after.Load(name);
        return !a.allclose(b, 0, 0);
    }

    private sealed class StopAt(CancellationTokenSource stop, string stage, int step) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value)
        {
            if (value.Stage == stage && value.Step == step)
            {
                stop.Cancel();
            }
        }
    }

    private sealed class Collector(List<TrainingProgress> reports) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => reports.Add(value);
    }
}
