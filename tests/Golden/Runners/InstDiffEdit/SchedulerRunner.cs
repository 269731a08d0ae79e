using System.Text.Json;
using Aperture.Diffusion;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.InstDiffEdit;

/// <summary>A scheduler step by step under recorded model outputs. Which one a case means its configuration's keys tell.</summary>
public sealed class SchedulerRunner : IGoldenRunner
{
    private const double CoefficientTolerance = 1e-5; // the recorded ones were integrated numerically over float32 values

    public string Area => DiffusionCase.AreaName;

    public string Kind => "scheduler";

    public void Run(GoldenCase golden)
    {
        JsonElement config = golden.Config;
        NoiseSchedule schedule = NoiseSchedule.Parse(config, golden.Name);
        int steps = config.GetProperty("steps").GetInt32();
        double eta = config.TryGetProperty("eta", out JsonElement given) ? given.GetDouble() : 0;
        bool pndm = config.TryGetProperty("skip_prk_steps", out _), ddim = config.TryGetProperty("clip_sample", out _) || eta > 0;
        using DiffusionScheduler scheduler = pndm ? new PndmScheduler(schedule, steps)
            : ddim ? new DdimScheduler(schedule, steps, eta, (step, _) => golden.Get("in.variance_noise")[step].clone())
            : new LmsScheduler(schedule, steps);
        Assert.Equal(DiffusionCase.Numbers(config.GetProperty("timesteps")), scheduler.Times);
        if (scheduler is LmsScheduler lms)
        {
            CheckLms(golden, lms);
        }

        if (golden.Has("out.noised"))
        {
            Tensor[] noised =
            [
                .. Enumerable.Range(0, scheduler.Times.Count).Select(step => scheduler.AddNoise(golden.Get("in.x0"), golden.Get("in.noise"), step)),
            ];
            golden.Compare("out.noised", stack(noised));
        }

        Walk(golden, scheduler, config.TryGetProperty("first_index", out JsonElement first) ? first.GetInt32() : 0);
    }

    private static void CheckLms(GoldenCase golden, LmsScheduler scheduler)
    {
        golden.Compare("out.sigmas", tensor(scheduler.Sigmas.ToArray()));
        JsonElement[] recorded = [.. golden.Config.GetProperty("coefficients").EnumerateArray()];
        for (int step = 0; step < recorded.Length; step++)
        {
            double[] expected = DiffusionCase.Numbers(recorded[step]), actual = scheduler.Coefficients(step, step + 1);
            Assert.Equal(expected.Length, actual.Length);
            double scale = expected.Max(Math.Abs);
            Assert.All(expected.Zip(actual), pair => Assert.InRange(pair.Second - pair.First, -CoefficientTolerance * scale, CoefficientTolerance * scale));
        }
    }

    private static void Walk(GoldenCase golden, DiffusionScheduler scheduler, int first)
    {
        Tensor outputs = golden.Get("in.model_output"), sample = golden.Get("in.sample");
        List<Tensor> inputs = [], cleans = [], samples = [];
        for (int i = 0; i < outputs.size(0); i++)
        {
            inputs.Add(scheduler.ScaleInput(sample, first + i));
            cleans.Add(scheduler.Clean(sample, outputs[i], first + i));
            sample = scheduler.Step(sample, outputs[i], first + i);
            samples.Add(sample);
        }

        golden.Compare("out.prev_sample", stack(samples));
        foreach ((string name, List<Tensor> values) in new[] { ("mid.scaled_input", inputs), ("out.pred_original_sample", cleans) })
        {
            if (golden.Has(name))
            {
                golden.Compare(name, stack(values));
            }
        }
    }
}
