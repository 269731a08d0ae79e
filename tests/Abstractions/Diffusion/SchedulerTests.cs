using Aperture.Diffusion;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Abstractions.Tests.Diffusion;

[Collection("tensors")]
public sealed class SchedulerTests
{
    [Fact]
    public void Noise_levels_and_coefficients_are_the_published_ones()
    {
        NoiseSchedule schedule = new();
        using LmsScheduler scheduler = new(schedule, 50);
        Assert.Equal((0.99914998, 0.00466010), (Math.Round(schedule.Kept[0], 8), Math.Round(schedule.Kept[999], 8)));
        Assert.Equal(489.30612, scheduler.Times[25], 5);
        Assert.Equal(1.561659, scheduler.Sigmas[25], 5);
        Assert.Equal(0.029168, scheduler.Sigmas[49], 5);
        Assert.Equal(0, scheduler.Sigmas[50]);
        Assert.Equal([-0.216513, 0.203066, -0.112579, 0.024122], scheduler.Coefficients(25, 26).Select(value => Math.Round(value, 6)));
        Assert.Equal([-0.038425, 0.025547, -0.024174, 0.007885], scheduler.Coefficients(49, 4).Select(value => Math.Round(value, 6)));
    }

    [Fact]
    public void An_exact_start_is_Eulers_step()
    {
        using DisposeScope scope = NewDisposeScope();
        using LmsScheduler scheduler = new(new NoiseSchedule(), 50, exactStart: true);
        (Tensor sample, Tensor noise) = (ones(1, 4, 2, 2), full([1, 4, 2, 2], 0.5));
        Tensor next = scheduler.Step(sample, noise, 25);
        double step = scheduler.Sigmas[26] - scheduler.Sigmas[25];
        Assert.Equal(1 + (0.5 * step), next.mean().item<float>(), 5);
    }

    [Fact]
    public void Noise_that_is_known_leads_back_to_the_picture()
    {
        using DisposeScope scope = NewDisposeScope();
        (Tensor clean, Tensor noise) = (linspace(-1, 1, 16).view(1, 4, 2, 2), linspace(1, -2, 16).view(1, 4, 2, 2));
        NoiseSchedule schedule = new() { EndsWithOne = true };
        foreach (DiffusionScheduler scheduler in new DiffusionScheduler[]
        {
            new DdimScheduler(schedule, 20), new LmsScheduler(schedule, 20, exactStart: true), new PndmScheduler(schedule, 20),
            new PndmScheduler(schedule with { SkipsRungeKutta = false }, 20),
        })
        {
            using (scheduler)
            {
                Tensor x = scheduler.AddNoise(clean, noise, 0);
                Assert.True(scheduler.Clean(x, noise, 0).allclose(clean, 1e-3, 1e-3));
                for (int step = 0; step < scheduler.Times.Count; step++)
                {
                    x = scheduler.Step(x, noise, step);
                }

                Assert.True(x.allclose(clean, 1e-2, 1e-2), scheduler.GetType().Name);
            }
        }
    }

    [Fact]
    public void A_run_leaves_no_tensor()
        => LiveTensors.MustNotGrow(() =>
        {
            foreach (DiffusionScheduler scheduler in new DiffusionScheduler[]
            {
                new LmsScheduler(new NoiseSchedule(), 10), new DdimScheduler(new NoiseSchedule(), 10), new PndmScheduler(new NoiseSchedule(), 10),
                new PndmScheduler(new NoiseSchedule { SkipsRungeKutta = false }, 10),
            })
            {
                using Tensor noise = ones(1, 1, 2, 2);
                Tensor x = zeros(1, 1, 2, 2);
                for (int step = 0; step < scheduler.Times.Count; step++)
                {
                    using Tensor before = x, input = scheduler.ScaleInput(before, step);
                    x = scheduler.Step(before, noise, step);
                }

                x.Dispose();
                scheduler.Dispose();
            }
        });

    [Fact]
    public void Steps_and_betas_that_make_no_schedule_are_one_line()
    {
        NoiseSchedule schedule = new();
        Assert.Contains("0 steps", Assert.Throws<ApertureException>(() => new LmsScheduler(schedule, 0)).Message);
        Assert.Contains("1001 steps", Assert.Throws<ApertureException>(() => new DdimScheduler(schedule, 1001)).Message);
        Assert.Contains("ends at time 1000", Assert.Throws<ApertureException>(() => new DdimScheduler(schedule, 1000)).Message);
        Assert.Contains("PNDM needs 2 steps", Assert.Throws<ApertureException>(() => new PndmScheduler(schedule, 1)).Message);
        string[] files = ["{\"beta_start\": 2}", "{\"beta_schedule\": \"sigmoid\"}", "{\"prediction_type\": \"sample\"}", "{\"trained_betas\": 3}"];
        foreach (string json in files)
        {
            string line = Assert.Throws<ApertureException>(() => NoiseSchedule.Parse(System.Text.Json.JsonElement.Parse(json), "file.json")).Message;
            Assert.StartsWith("file.json: ", line);
        }
    }
}
