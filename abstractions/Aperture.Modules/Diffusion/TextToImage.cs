using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Diffusion;

/// <summary>Makes a picture of a text: from noise to a latent under guidance, and from there to pixels.</summary>
public static class TextToImage
{
    /// <summary>Makes pictures.</summary>
    /// <param name="model">The model.</param>
    /// <param name="text">The text.</param>
    /// <param name="noise">Standard normal numbers <c>[N, channels, H, W]</c>; borrowed.</param>
    /// <param name="scheduler">A run of its own, from the first step on; borrowed.</param>
    /// <param name="guidance">Weight of the text; 1 is without guidance.</param>
    /// <param name="step">Told each step that is done, from 0, and its latents, borrowed; null for nobody.</param>
    /// <param name="cancellationToken">Checked between blocks.</param>
    /// <returns>float32 <c>[N, 3, height, width]</c> from 0 to 1; the caller disposes it.</returns>
    public static Tensor Run(
        DiffusionModel model, string text, Tensor noise, DiffusionScheduler scheduler, double guidance, Action<int, Tensor>? step = null,
        CancellationToken cancellationToken = default)
    {
        using IDisposable quiet = inference_mode();
        using DisposeScope scope = NewDisposeScope();
        Tensor without = model.Encode("", cancellationToken), with = model.Encode(text, cancellationToken);
        using GuidedDenoiser denoiser = new(model, without, with, (int)noise.size(0), guidance);
        Tensor latents = noise.mul(scheduler.InitialScale);
        for (int i = 0; i < scheduler.Times.Count; i++)
        {
            using Tensor before = latents;
            using Tensor input = scheduler.ScaleInput(before, i);
            using Tensor predicted = denoiser.Run(input, scheduler.Times[i], cancellationToken: cancellationToken);
            latents = scheduler.Step(before, predicted, i);
            step?.Invoke(i, latents);
        }

        return model.Pictures.Pictures(latents, cancellationToken).MoveToOuterDisposeScope();
    }
}
