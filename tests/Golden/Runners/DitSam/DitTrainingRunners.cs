using System.Text.Json;
using Aperture.Plugins.DitSam.Dit;
using Aperture.Plugins.DitSam.Training;
using Aperture.Training;
using Aperture.Weights;
using TorchSharp;
using Xunit.Sdk;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.DitSam;

/// <summary>Loss and gradients of one training batch.</summary>
public sealed class DitGradientsRunner : IGoldenRunner
{
    private const string Gradient = "out.grad.";
    private const double Zero = 1e-6;

    public string Area => "dit-sam";

    public string Kind => "dit_gradients";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        using DitObjective objective = Objective(golden);
        MaskLoss rule = MaskLoss.Bce;
        Tensor loss = objective.Run(
            golden.Get("in.image"), golden.Get("in.ids"), golden.Get("in.mask"), golden.Get("in.seg_label"), rule, 0, CancellationToken.None).Loss;
        golden.Compare("out.loss", loss);
        loss.backward();
        foreach (string name in golden.Names.Where(name => name.StartsWith(Gradient, StringComparison.Ordinal)).ToList())
        {
            Tensor gradient = objective.Trained[name[Gradient.Length..]].grad ?? throw new XunitException($"{name}: the parameter had no part in the loss.");
            golden.Compare(name, gradient);
        }

        Assert.All(Names(golden, "no_gradient"), name => Assert.True(!objective.Trained.TryGetValue(name, out Tensor? tensor) || tensor.grad is null, name));
        double scale = objective.Trained.Values.Max(tensor => tensor.grad is { } grad ? grad.abs().max().item<float>() : 0);
        Assert.All(
            Names(golden, "true_gradient_zero"),
            name
                => Assert.True(
                    !objective.Trained.TryGetValue(name, out Tensor? tensor) || tensor.grad is not { } grad || grad.abs().max().item<float>() < Zero * scale,
                    name));
        if (golden.Meta.TryGetProperty("total_grad_norm", out JsonElement norm))
        {
            Tensor all = stack([.. objective.Trained.Values.Select(tensor => tensor.grad).OfType<Tensor>().Select(grad => grad.norm())]).norm();
            Assert.Equal(norm.GetDouble(), all.item<float>(), golden.Tolerance * norm.GetDouble());
        }
    }

    /// <summary>A DIT whose parameters are the case's weights.</summary>
    internal static DitObjective Objective(GoldenCase golden)
    {
        DitOptions options = RecordedSam.Options(golden);
        IWeightSource named = DitKeys.UnderSamNames(golden.Weights());
        IWeightSource source = RecordedSam.Trimmed(named, options.Variant!.Value, golden.Config.GetProperty("depth").GetInt32());
        return new DitObjective(new DitParameters([source], options.BertLayers, DitFreeze.None), RecordedSam.Config(golden, named), CPU);
    }

    private static IEnumerable<string> Names(GoldenCase golden, string list)
        => golden.Meta.TryGetProperty(list, out JsonElement names) ? names.EnumerateArray().Select(name => name.GetString()!) : [];
}

/// <summary>Iterations of real training: loss, norm of the gradients, rate, parameters and their means.</summary>
public sealed class DitTrainRunner : IGoldenRunner
{
    private const string Final = "out.final.", Mean = "out.ema.";

    public string Area => "dit-sam";

    public string Kind => "dit_train";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        using DitObjective objective = DitGradientsRunner.Objective(golden);
        JsonElement config = golden.Config, adam = config.GetProperty("adam");
        double Number(string key) => config.GetProperty(key).GetDouble();
        (int epochs, int batches) = (config.GetProperty("epochs").GetInt32(), config.GetProperty("iterations_per_epoch").GetInt32());
        DitTrainingOptions options = new()
        {
            Steps = epochs * batches,
            BatchSize = (int)golden.Get("in.ids.0").size(0),
            Rate = Number("lr"),
            WarmUpEpochs = Number("warmup_epochs"),
            WarmUpRate = Number("warmup_lr"),
            LeastRate = Number("min_lr"),
            LargestGradient = Number("clip"),
            Ema = Number("ema"),
        };
        TrainingPlan plan = options.PlanFor(batches * options.BatchSize.Value) with
        {
            Beta1 = adam[0].GetDouble(),
            Beta2 = adam[1].GetDouble(),
            Epsilon = adam[2].GetDouble(),
        };
        using AdamW optimizer = new(objective.Trained, _ => 1, AdamSettings.Of(plan));
        using MovingMeans means = new(objective.Trained, options.Ema);
        List<float> losses = [], norms = [], rates = [];
        for (int step = 0; step < plan.Steps; step++)
        {
            int batch = step % batches;
            Tensor loss = objective.Run(
                golden.Get($"in.image.{batch}"), golden.Get($"in.ids.{batch}"), golden.Get($"in.mask.{batch}"), golden.Get($"in.label.{batch}"),
                MaskLoss.Bce, 0, CancellationToken.None).Loss;
            loss.backward();
            losses.Add(loss.item<float>());
            norms.Add(stack([.. objective.Trained.Values.Select(tensor => tensor.grad).OfType<Tensor>().Select(grad => grad.norm())]).norm().item<float>());
            rates.Add((float)plan.RateAt(step));
            optimizer.Step(plan.RateAt(step));
            means.Follow(step + 1);
        }

        golden.Compare("out.loss", tensor(losses.ToArray()));
        golden.Compare("out.lr", tensor(rates.ToArray()));
        golden.Compare("out.grad_norm_before_clip", tensor(norms.ToArray()));
        IReadOnlyDictionary<string, Tensor> final = objective.With(objective.Trained), mean = objective.With(means.Means);
        foreach (string name in golden.Names.ToList())
        {
            if (name.StartsWith(Final, StringComparison.Ordinal))
            {
                golden.Compare(name, final[name[Final.Length..]]);
            }
            else if (name.StartsWith(Mean, StringComparison.Ordinal))
            {
                golden.Compare(name, mean[name[Mean.Length..]]);
            }
        }
    }
}
