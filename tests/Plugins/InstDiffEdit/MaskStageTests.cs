using Aperture.Diffusion;
using Aperture.Plugins.InstDiffEdit.Stages;
using Aperture.Tasks;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.InstDiffEdit.Tests;

/// <summary>What holds of the mask stage whatever the weights are.</summary>
public sealed class MaskStageTests(TinyEditor tiny) : IClassFixture<TinyEditor>
{
    private const int Steps = 8, First = 4, Latent = 8;

    [Fact]
    public void Under_a_mask_of_ones_it_is_plain_denoising()
    {
        using IDisposable quiet = inference_mode();
        using DisposeScope scope = NewDisposeScope();
        using DiffusionEditor editor = tiny.Open(new { Samples = 1 }, paints: false);
        (Tensor clean, Tensor noise) = Start(1);

        Tensor masked = Run(editor, new EditorOptions { MapResolution = Latent, Samples = 1 }, clean, noise, (byte)255).Samples;
        using GuidedDenoiser denoiser = Sentences.Guide(editor.Model, "a red dog", 1, 7.5, rounded: true, default);
        (Tensor plain, _) = new PlainStage(editor.Model, Plan, new EditorOptions(), TaskRun.Plain).Run("denoising", clean, noise, denoiser);

        Assert.True(plain.allclose(masked, 1e-4, 1e-5));
    }

    [Theory]
    [InlineData("current", 0.029168)] // the noise at which the last of 50 steps begins; here of 8
    [InlineData("next", 0)]
    public void Under_a_mask_of_zeros_it_is_the_original_with_the_steps_noise(string level, double ofFifty)
    {
        using IDisposable quiet = inference_mode();
        using DisposeScope scope = NewDisposeScope();
        using DiffusionEditor editor = tiny.Open(new { Samples = 2 }, paints: false);
        (Tensor clean, Tensor noise) = Start(2);
        using LmsScheduler scheduler = new(editor.Model.Schedule, Steps);

        Tensor left = Run(editor, new EditorOptions { MapResolution = Latent, Samples = 2, BlendLevel = level }, clean, noise, (byte)0).Samples;

        Tensor expected = ofFifty == 0 ? clean.expand(2, -1, -1, -1) : clean.add(noise.mul(scheduler.Sigmas[Steps - 1]));
        Assert.True(expected.allclose(left, 1e-6, 1e-6));
    }

    [Fact]
    public void Equal_noises_give_the_mask_of_one_sample()
    {
        using IDisposable quiet = inference_mode();
        using DisposeScope scope = NewDisposeScope();
        using DiffusionEditor editor = tiny.Open(paints: false);
        (Tensor clean, Tensor noise) = Start(1);

        byte[] one = Run(editor, new EditorOptions { MapResolution = Latent }, clean, noise, null).Mask;
        byte[] three = Run(editor, new EditorOptions { MapResolution = Latent }, clean, noise.expand(3, -1, -1, -1).contiguous(), null).Mask;

        Assert.Equal(one, three);
        Assert.Contains((byte)255, one);
        Assert.Contains((byte)0, one);
    }

    [Fact]
    public void Once_the_mask_has_settled_later_steps_run_on_its_region()
    {
        using IDisposable quiet = inference_mode();
        using DisposeScope scope = NewDisposeScope();
        using DiffusionEditor editor = tiny.Open(paints: false);
        (Tensor clean, Tensor noise) = Start(1);
        byte[] small = [.. Enumerable.Range(0, Latent * Latent).Select(i => (byte)(i / Latent is 2 or 3 && i % Latent is 4 or 5 ? 255 : 0))];
        EditorOptions options = new() { MapResolution = Latent, Region = "all", RegionMargin = 1, SettledSteps = 1 };
        using GuidedDenoiser denoiser = Sentences.Guide(editor.Model, "a red dog", 1, 7.5, rounded: true, default);

        MaskStageResult result = new MaskStage(editor.Model, Plan, options, TaskRun.Plain) { Given = _ => small }.Run(clean, noise, denoiser);

        // Rows 2 and 3 with one around are 1 to 4, on a grid of 2 rows 0 to 5; columns 3 to 6 are 2 to 7. Two steps see all, two the region.
        Assert.Equal(new LatentRegion(0, 2, 6, 6), result.Region);
        long whole = UNetCost.Of(editor.Model.UNet.Config, Latent, Latent, 77).Flops, part = UNetCost.Of(editor.Model.UNet.Config, 6, 6, 77).Flops;
        Assert.Equal(2 * ((2 * whole) + (2 * part)), denoiser.Flops);
        using LmsScheduler scheduler = new(editor.Model.Schedule, Steps);
        Tensor around = scheduler.AddNoise(clean, noise, Steps - 1);
        Tensor outside = tensor(small.Select(value => value == 0).ToArray(), [1, 1, Latent, Latent]);
        Assert.True(where(outside, around, zeros_like(around)).allclose(where(outside, result.Samples, zeros_like(around)), 1e-6, 1e-6));
        Assert.False(around.allclose(result.Samples, 1e-3, 1e-3));
    }

    [Fact]
    public void A_settled_mask_may_end_the_stage()
    {
        using IDisposable quiet = inference_mode();
        using DisposeScope scope = NewDisposeScope();
        using DiffusionEditor editor = tiny.Open(paints: false);
        (Tensor clean, Tensor noise) = Start(1);
        EditorOptions options = new() { MapResolution = Latent, StopWhenSettled = true, SettledSteps = 1 };
        Assert.Equal(2, Run(editor, options, clean, noise, (byte)255).Steps);
    }

    [Theory]
    [InlineData(0, 0, 1, 1, 0, 0, 0, 8, 8)]
    [InlineData(20, 10, 3, 5, 0, 16, 8, 8, 8)]
    [InlineData(20, 10, 3, 5, 4, 16, 0, 16, 24)]
    [InlineData(60, 60, 4, 4, 8, 48, 48, 16, 16)]
    public void A_region_lies_on_the_coarsest_grid(int top, int left, int rows, int columns, int margin, int y, int x, int height, int width)
    {
        byte[] mask = new byte[64 * 64];
        for (int row = top; row < top + rows; row++)
        {
            mask.AsSpan((row * 64) + left, columns).Fill(255);
        }

        Assert.Equal(new LatentRegion(y, x, height, width), LatentRegion.Around(mask, 64, 64, margin, 8));
        Assert.Equal(mask, LatentRegion.Around(mask, 64, 64, margin, 8)!.Value.Clipped(mask, 64));
        Assert.Null(LatentRegion.Around(new byte[64 * 64], 64, 64, margin, 8));
    }

    private static EditPlan Plan => new("a red dog", Steps, First, 7.5, 3, 64, 64);

    private static (Tensor Clean, Tensor Noise) Start(int samples)
    {
        using TorchRandom random = new(5);
        return (random.Normal(1, 4, Latent, Latent), random.Normal(samples, 4, Latent, Latent));
    }

    private static MaskStageResult Run(DiffusionEditor editor, EditorOptions options, Tensor clean, Tensor noise, byte? everywhere)
    {
        using GuidedDenoiser denoiser = Sentences.Guide(editor.Model, "a red dog", (int)noise.size(0), 7.5, rounded: true, default);
        byte[] mask = [.. Enumerable.Repeat(everywhere ?? 0, Latent * Latent)];
        return new MaskStage(editor.Model, Plan, options, TaskRun.Plain) { Given = everywhere is null ? null : _ => mask }.Run(clean, noise, denoiser);
    }
}
