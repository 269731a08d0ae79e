using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Diffusion;

/// <summary>
/// A UNet under classifier-free guidance (arXiv 2207.12598): the noise without text, and from there on the way to the noise with it. A UNet that predicts
/// velocity gives noise as well. Counts what it runs. Owns the texts it was given.
/// </summary>
public sealed class GuidedDenoiser : IDisposable
{
    private readonly UNet _unet;
    private readonly NoiseSchedule _schedule;
    private readonly double _guidance;
    private readonly Tensor _texts;
    private readonly int _samples;

    /// <summary>Guides a UNet.</summary>
    /// <param name="model">The UNet and what it predicts; borrowed.</param>
    /// <param name="without">The rows of the empty text, <c>[1, K, D]</c>; borrowed.</param>
    /// <param name="text">The rows of the text, <c>[1, K, D]</c>; borrowed.</param>
    /// <param name="samples">Latents of a step.</param>
    /// <param name="guidance">Weight of the text; 1 runs the UNet with it alone.</param>
    public GuidedDenoiser(DiffusionModel model, Tensor without, Tensor text, int samples, double guidance)
    {
        (_unet, _schedule, _samples, _guidance) = (model.UNet, model.Schedule, samples, guidance);
        using DisposeScope scope = NewDisposeScope();
        Tensor with = text.expand(samples, -1, -1); // [1, K, D] -> [samples, K, D]
        _texts = (IsGuided ? cat([without.expand(samples, -1, -1), with], 0) : with.clone()).DetachFromDisposeScope(); // [samples or 2 samples, K, D]
    }

    /// <summary>Whether the noise without text is computed too.</summary>
    public bool IsGuided => _guidance != 1;

    /// <summary>The first sample of a pass that sees the text: what <see cref="AttentionCapture"/> begins with.</summary>
    public int FirstWithText => IsGuided ? _samples : 0;

    /// <summary>Passes so far; each latent counts, with text and without.</summary>
    public long Passes { get; private set; }

    /// <summary>Floating-point operations so far.</summary>
    public long Flops { get; private set; }

    /// <summary>Predicts noise.</summary>
    /// <param name="latents">What the scheduler makes of the samples for the UNet, <c>[samples, inputs, H, W]</c>; borrowed.</param>
    /// <param name="time">The step's time.</param>
    /// <param name="capture">Takes attention maps; null for nobody.</param>
    /// <param name="trace">Gets the pass's input and its output before guidance, as <c>unet_in</c> and <c>noise_pred</c>, borrowed; null for nobody.</param>
    /// <param name="cancellationToken">Checked between blocks.</param>
    /// <returns>float32 <c>[samples, outputs, H, W]</c>; the caller disposes it.</returns>
    public Tensor Run(
        Tensor latents, double time, AttentionCapture? capture = null, Action<string, Tensor>? trace = null, CancellationToken cancellationToken = default)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor input = IsGuided ? cat([latents, latents], 0) : latents; // [samples, inputs, H, W] -> [2 samples, inputs, H, W]
        trace?.Invoke("unet_in", input);
        Tensor both = _unet.Run(input, time, _texts, capture, cancellationToken: cancellationToken);
        trace?.Invoke("noise_pred", both);
        Passes += input.size(0);
        Flops += input.size(0) * UNetCost.Of(_unet.Config, (int)latents.size(2), (int)latents.size(3), (int)_texts.size(1)).Flops;
        return Noise(IsGuided ? Guided(both) : both, latents, time).MoveToOuterDisposeScope();
    }

    // [2 samples, outputs, H, W] -> [samples, outputs, H, W]
    private Tensor Guided(Tensor both)
    {
        Tensor without = both.narrow(0, 0, _samples), with = both.narrow(0, _samples, _samples);
        return without.add(with.sub(without).mul(_guidance));
    }

    // What a UNet sees of samples has variance 1, noise and signal together: of it and the velocity, the noise follows.
    private Tensor Noise(Tensor predicted, Tensor latents, double time)
    {
        if (!_schedule.PredictsVelocity)
        {
            return predicted;
        }

        double level = _schedule.LevelAt(time), whole = Math.Sqrt(1 + (level * level));
        Tensor seen = latents.narrow(1, 0, predicted.size(1)).to(predicted.dtype); // [samples, inputs, H, W] -> [samples, outputs, H, W]
        return predicted.mul(1 / whole).add(seen.mul(level / whole));
    }

    /// <summary>Disposes the texts.</summary>
    public void Dispose() => _texts.Dispose();
}
