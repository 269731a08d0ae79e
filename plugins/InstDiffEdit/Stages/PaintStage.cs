using Aperture.Diffusion;
using Aperture.Images;
using Aperture.Tasks;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Plugins.InstDiffEdit.Stages;

/// <summary>
/// Paints inside the mask with an inpainting model: a UNet that sees the latent, the mask, and the latent of the picture with the mask erased.
/// </summary>
/// <param name="model">The inpainting model; borrowed.</param>
/// <param name="plan">Numbers.</param>
/// <param name="options">Options.</param>
/// <param name="run">When to stop, and who listens.</param>
internal sealed class PaintStage(DiffusionModel model, EditPlan plan, EditorOptions options, TaskRun run)
{
    private const string Stage = "inpainting";
    private const byte Half = 128; // bytes from it on are at least 0.5

    /// <summary>Told each step that is done, from 0, and the picture's latent that it stands for; null for nobody.</summary>
    public Action<int, Func<Tensor>>? Progress { get; init; }

    /// <summary>Mask and erased picture as the model takes them.</summary>
    /// <param name="image">The picture, RGB.</param>
    /// <param name="mask">A byte a pixel.</param>
    /// <returns>0 and 1, <c>[1, 1, H, W]</c>, and -1 to 1 with 0 inside the mask, <c>[1, 3, H, W]</c>; the caller disposes them.</returns>
    public static (Tensor Mask, Tensor Erased) Prepare(Image image, byte[] mask)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor pixels = image.ToTensor().permute(2, 0, 1).unsqueeze(0).to(ScalarType.Float32).div(127.5).sub(1); // [H, W, 3] -> [1, 3, H, W]
        Tensor inside = tensor(Array.ConvertAll(mask, value => value >= Half ? 1f : 0f), [1, 1, image.Height, image.Width]);
        Tensor erased = pixels.mul(inside.lt(0.5));
        return (inside.MoveToOuterDisposeScope(), erased.contiguous().MoveToOuterDisposeScope());
    }

    /// <summary>Paints.</summary>
    /// <param name="image">The picture, RGB, in the size that is worked on.</param>
    /// <param name="mask">A byte a pixel of it.</param>
    /// <param name="noise">The random numbers.</param>
    /// <returns>The painted picture from 0 to 1, <c>[1, 3, H, W]</c>; the caller disposes it.</returns>
    public Tensor Run(Image image, byte[] mask, IEditNoise noise)
    {
        using DisposeScope scope = NewDisposeScope();
        run.Enter(Stage);
        using GuidedDenoiser denoiser = Sentences.Guide(model, plan.Prompt, 1, options.InpaintGuidance, rounded: false, run.Cancellation);
        (Tensor inside, Tensor erased) = Prepare(image, mask);
        int stride = model.Pictures.Config.Stride;
        long[] shape = [1, model.Pictures.Config.LatentChannels, image.Height / stride, image.Width / stride];
        (Tensor start, Tensor encoding) = noise.Painting(shape);
        Tensor small = F.interpolate(inside, [shape[2], shape[3]], mode: InterpolationMode.Nearest); // [1, 1, H, W] -> [1, 1, h, w]
        Tensor left = model.Pictures.Latents(erased, encoding, run.Cancellation); // [1, 3, H, W] -> [1, C, h, w]
        run.Value("mask_latent", small);
        run.Value("masked_latent", left);
        LatentRegion region = Region(small);
        using DdimScheduler scheduler = new(model.Schedule, options.InpaintSteps);
        Tensor x = region.Of(start.to(left.device)).contiguous(), context = region.Of(cat([small.to(left.device), left], 1)).contiguous(); // [1, 1 + C, h, w]
        for (int step = 0; step < options.InpaintSteps; step++)
        {
            run.Enter(Stage);
            using Tensor before = x;
            using Tensor input = cat([before, context], 1); // [1, C, h, w], [1, 1 + C, h, w] -> [1, 1 + 2 C, h, w]
            using Tensor predicted = denoiser.Run(input, scheduler.Times[step], cancellationToken: run.Cancellation);
            x = scheduler.Step(before, predicted, step);
            run.Value($"inpaint_latents.{step}", x);
            Progress?.Invoke(step, () => Preview(scheduler, before, predicted, step, region, left));
        }

        run.Count("inpainting UNet", denoiser.Flops);
        UNetPasses = denoiser.Passes;
        Tensor latent = region.Put(left, x);
        run.Value("final_latent", latent);
        return model.Pictures.Pictures(latent, run.Cancellation).MoveToOuterDisposeScope();
    }

    /// <summary>Passes of the UNet.</summary>
    public long UNetPasses { get; private set; }

    private static Tensor Preview(DiffusionScheduler scheduler, Tensor before, Tensor predicted, int step, LatentRegion region, Tensor left)
    {
        using DisposeScope scope = NewDisposeScope();
        return region.Put(left, scheduler.Clean(before, predicted, step)).MoveToOuterDisposeScope();
    }

    // Outside of it the picture's own latent stays.
    private LatentRegion Region(Tensor mask)
    {
        (int height, int width) = ((int)mask.size(2), (int)mask.size(3));
        if (options.Region == EditorOptions.Off)
        {
            return LatentRegion.Whole(height, width);
        }

        byte[] inside = Array.ConvertAll(mask.data<float>().ToArray(), value => value > 0 ? byte.MaxValue : byte.MinValue);
        return LatentRegion.Around(inside, height, width, options.RegionMargin, model.UNet.Config.Stride) ?? LatentRegion.Whole(height, width);
    }
}
