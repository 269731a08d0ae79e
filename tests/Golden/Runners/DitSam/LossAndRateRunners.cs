using System.Text.Json;
using Aperture.Plugins.DitSam.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.DitSam;

/// <summary>Every loss with its gradient.</summary>
public sealed class LossesRunner : IGoldenRunner
{
    public string Area => "dit-sam";

    public string Kind => "losses";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        double[] Numbers(string key) => golden.Config.GetProperty(key) is { ValueKind: JsonValueKind.Array } list
            ? [.. list.EnumerateArray().Select(number => number.GetDouble())]
            : [golden.Config.GetProperty(key).GetDouble()];
        Tensor target = golden.Get("in.target");
        const string Result = "out.", Gradient = ".grad";
        foreach (string name in golden.Names.Where(name => golden.Has(name + Gradient)).ToList())
        {
            string loss = name[Result.Length..];
            Tensor logits = golden.Get("in.logits").clone().requires_grad_(true);
            double[] constants = loss == "bce" ? [] : Numbers(loss);
            Tensor value = loss.Split('_')[0] switch
            {
                "focal" => MaskLosses.Focal(logits, target, constants[0], constants[1], sum: loss.EndsWith("sum", StringComparison.Ordinal)),
                "dice" => MaskLosses.Dice(logits, target, constants[0]),
                "combined" => MaskLosses.Combined(logits, target, constants[0], constants[1], constants[2], constants[3]),
                _ => MaskLosses.Bce(logits, target),
            };
            golden.Compare(name, value);
            value.backward();
            golden.Compare(name + Gradient, logits.grad!);
        }
    }
}

/// <summary>The three rules of the learning rate, value by value in double precision.</summary>
public sealed class RateRulesRunner : IGoldenRunner
{
    public string Area => "dit-sam";

    public string Kind => "lr_schedules";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        JsonElement config = golden.Config;
        double Number(string key) => config.GetProperty(key).GetDouble();
        int batches = config.GetProperty("iterations_per_epoch").GetInt32(), epochs = config.GetProperty("epochs").GetInt32();
        DitTrainingOptions options = new()
        {
            Steps = epochs * batches,
            BatchSize = 1,
            Rate = Number("lr"),
            WarmUpEpochs = Number("warmup"),
            WarmUpRate = Number("warmup_lr"),
            LeastRate = Number("min_lr"),
            DecayEpochs = [.. config.GetProperty("decay_epochs").EnumerateArray().Select(epoch => epoch.GetDouble())],
            DecayFactor = Number("decay"),
        };
        foreach ((string name, RateRule rule) in new[] { ("wcosine", RateRule.WarmCosine), ("step", RateRule.Step), ("cosine", RateRule.Cosine) })
        {
            Aperture.Training.TrainingPlan plan = (options with { RateRule = rule }).PlanFor(batches);
            double[] rates = [.. Enumerable.Range(0, plan.Steps).Select(plan.RateAt)];
            Assert.All(
                config.GetProperty(name).EnumerateArray().Zip(rates), pair => Assert.Equal(pair.First.GetDouble(), pair.Second, 1e-9 * options.Rate!.Value));
            golden.Compare($"out.{name}", tensor(Array.ConvertAll(rates, rate => (float)rate)));
        }
    }
}
