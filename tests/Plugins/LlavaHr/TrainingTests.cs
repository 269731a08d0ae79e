using System.Text.Json;
using Aperture.Models;
using Aperture.Training;
using Aperture.Vision;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.LlavaHr.Tests;

/// <summary>Adapters, last step, projector and towers learn by the ordinary training command's loop.</summary>
[Trait("Category", "Process")] // Starts none, but trains.
public sealed class TrainingTests : IDisposable
{
    private readonly TinyHr _tiny = new();

    public void Dispose() => _tiny.Dispose();

    [Fact]
    public void Only_what_is_named_learns_and_the_result_opens()
    {
        using OpenedModel opened = new(_tiny.Folder);
        double before = Loss(opened.Model);

        Train(opened.Model, "some", """{ "Steps": 8, "BatchSize": 2, "Rate": 0.01, "WarmUp": 0, "Only": "*align_stages*|*mm_projector*" }""");

        using IWeightSource old = WeightFiles.Open(_tiny.Folder), now = WeightFiles.Open(_tiny.At("some"));
        Assert.Equal(old.Names.Order(), now.Names.Order());
        Assert.All(old.Names, name => Assert.Equal(IsJoin(name) || name.Contains("mm_projector", StringComparison.Ordinal), Differs(name, old, now)));
        using OpenedModel trained = new(_tiny.At("some"));
        Assert.True(Loss(trained.Model) < before);
    }

    [Fact]
    public void Towers_learn_unless_the_checkpoint_freezes_them()
    {
        using OpenedModel free = new(_tiny.Folder), frozen = new(_tiny.Write("frozen", config => config["freeze_vision"] = true, _ => true));
        string[] names = Names(free.Model), few = Names(frozen.Model);

        Assert.Contains("model.vision_tower.slow_vision_tower.vision_tower.stem.0.weight", names);
        Assert.Contains("model.vision_tower.fast_vision_tower.vision_tower.vision_model.encoder.layers.0.mlp.fc1.weight", names);
        Assert.Contains("model.vision_tower.align_stages_latent.2.gate.2.bias", names);
        Assert.Equal(
            ["fast_proj.bias", "fast_proj.weight", "slow_proj.bias", "slow_proj.weight"],
            few.Select(name => name["model.vision_tower.align_stages.0.".Length..]).Order());
    }

    [Fact]
    public void A_step_over_everything_gives_towers_a_gradient_and_leaves_nothing_behind()
    {
        using OpenedModel opened = new(_tiny.Folder);
        Train(opened.Model, "warm", """{ "Steps": 1, "BatchSize": 2, "Rate": 0.001 }""");

        LiveTensors.MustNotGrow(() => Train(opened.Model, "all", """{ "Steps": 1, "BatchSize": 2, "Rate": 0.001 }"""));

        using IWeightSource old = WeightFiles.Open(_tiny.Folder), now = WeightFiles.Open(_tiny.At("all"));
        Assert.True(Differs("model.vision_tower.slow_vision_tower.vision_tower.stem.0.weight", old, now));
        Assert.True(Differs("model.vision_tower.fast_vision_tower.vision_tower.vision_model.embeddings.patch_embedding.weight", old, now));
        Assert.False(Differs("model.vision_tower.slow_vision_tower.vision_tower.head.fc.weight", old, now));
    }

    [Fact]
    public void Adapters_begin_fresh_where_the_first_stage_had_none_and_are_written()
    {
        string folder = _tiny.Write("first", _ => { }, name => !name.Contains("align_stages_latent", StringComparison.Ordinal));
        using OpenedModel opened = new(folder, new ModelOptions { Type = "float32", Threads = 1, Adapters = "fresh" });

        Train(opened.Model, "second", """{ "Steps": 2, "BatchSize": 2, "Rate": 0.01, "WarmUp": 0, "Only": "*align_stages*" }""");

        using IWeightSource now = WeightFiles.Open(_tiny.At("second"));
        Assert.True(now.Contains("model.vision_tower.align_stages_latent.1.slow_conv.weight"));
        using Tensor projection = now.Load("model.vision_tower.align_stages_latent.0.slow_proj.weight"), largest = projection.abs().max();
        Assert.True(largest.item<float>() > 0);
        using OpenedModel trained = new(_tiny.At("second"));
        Assert.Contains("model.vision_tower.align_stages_latent.1.slow_conv.weight", Names(trained.Model));
    }

    [Fact]
    public void A_pattern_that_names_nothing_is_told()
    {
        using OpenedModel opened = new(_tiny.Folder);

        ApertureException error = Assert.Throws<ApertureException>(() => Train(opened.Model, "none", """{ "Steps": 1, "Only": "*lens*" }"""));

        Assert.Contains("Only '*lens*' names none of the model's parameters", error.Message, StringComparison.Ordinal);
    }

    private static bool IsJoin(string name) => name.Contains("align_stages", StringComparison.Ordinal);

    private static bool Differs(string name, IWeightSource old, IWeightSource now)
    {
        using Tensor a = old.Load(name), b = now.Load(name), difference = (a - b).abs().max();
        return difference.item<float>() > 0;
    }

    private static string[] Names(Model model) => [.. ((ITrainableEncoder)model.Encoder).Named().Select(parameter => parameter.Name)];

    private static TrainingExample[] Samples()
        => [.. TrainingFile.Read(Path.Combine(TinyHr.Repository, "scripts", "data", "shelf-eval", "questions.jsonl")).Take(4)];

    private double Loss(Model model)
    {
        using TrainingModel training = new(model, Samples(), _tiny.At("loss"));
        using IDisposable quiet = no_grad();
        using DisposeScope scope = NewDisposeScope();
        using TrainingBatch batch = training.Batch([0, 1, 2, 3], CancellationToken.None);
        using IDecoderRun run = batch.Begin([]);
        run.RunTo(model.Decoder.Info.Layers, CancellationToken.None);
        return run.NextTokenLoss().item<float>();
    }

    private void Train(Model model, string folder, string options)
    {
        using JsonDocument json = JsonDocument.Parse(options);
        using TrainingModel training = new(model, Samples(), _tiny.At(folder));
        MethodTrainer.Run(DenseTraining.Name, new DenseTraining(), json.RootElement, training, new TrainingPace(), null, CancellationToken.None);
    }
}
