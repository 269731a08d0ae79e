using Aperture.Decoding;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Diffusion;

/// <summary>An autoencoder between pictures and latents (diffusers' AutoencoderKL). Owns its weights.</summary>
public sealed class Autoencoder : IDisposable
{
    private const double NormEpsilon = 1e-6, LeastLogVariance = -30, MostLogVariance = 20;

    private readonly DiffusionLoader _loader;
    private readonly WeightPolicy _policy;
    private readonly PictureEncoder _encoder;
    private readonly PictureDecoder _decoder;
    private readonly Convolution _quant, _postQuant;

    private Autoencoder(DiffusionLoader loader, AutoencoderConfig config, WeightPolicy policy)
    {
        (_loader, Config, _policy) = (loader, config, policy);
        _encoder = new PictureEncoder(loader, config, NormEpsilon);
        _decoder = new PictureDecoder(loader, config, NormEpsilon);
        _quant = loader.Convolution("quant_conv", 2 * config.LatentChannels, 2 * config.LatentChannels, kernel: 1);
        _postQuant = loader.Convolution("post_quant_conv", config.LatentChannels, config.LatentChannels, kernel: 1);
    }

    /// <summary>Sizes.</summary>
    public AutoencoderConfig Config { get; }

    /// <summary>The weights, by published name. Borrowed.</summary>
    public IReadOnlyDictionary<string, Tensor> Tensors => _loader.Tensors;

    /// <summary>Loads an autoencoder.</summary>
    /// <param name="source">The checkpoint under diffusers' names, old or new; it must outlive the autoencoder.</param>
    /// <param name="config">Sizes.</param>
    /// <param name="policy">Where it runs and in which type.</param>
    /// <param name="trainable">Whether the weights get memory of their own, so that they can be trained.</param>
    /// <returns>The autoencoder; the caller disposes it.</returns>
    /// <exception cref="ApertureException">A tensor is missing or has another shape.</exception>
    public static Autoencoder Load(IWeightSource source, AutoencoderConfig config, WeightPolicy policy, bool trainable = false)
        => Made(new DiffusionLoader(AutoencoderNames.Current(source), policy, trainable ? _ => true : null), config, policy);

    /// <summary>Makes an autoencoder with random weights, as torch's modules begin.</summary>
    /// <param name="config">Sizes.</param>
    /// <param name="policy">Where it runs and in which type.</param>
    /// <param name="seed">Seed of the weights.</param>
    /// <returns>The autoencoder; the caller disposes it.</returns>
    public static Autoencoder Fresh(AutoencoderConfig config, WeightPolicy policy, long seed)
    {
        using FreshWeights fresh = new(policy, seed);
        return Made(new DiffusionLoader(fresh.None, policy, fresh: fresh.Make), config, policy);
    }

    private static Autoencoder Made(DiffusionLoader loader, AutoencoderConfig config, WeightPolicy policy)
    {
        try
        {
            return new Autoencoder(loader, config, policy);
        }
        catch
        {
            loader.Dispose();
            throw;
        }
    }

    /// <summary>Encodes pictures.</summary>
    /// <param name="pictures"><c>[N, 3, H, W]</c> from -1 to 1; borrowed. Sides are multiples of <see cref="AutoencoderConfig.Stride"/>.</param>
    /// <param name="trace">Gets values by the published names of the modules that they come from, borrowed; null for nobody.</param>
    /// <param name="cancellationToken">Checked between blocks.</param>
    /// <returns>Mean and log variance of the latents, float32 <c>[N, latent, h, w]</c> each, not scaled; the caller disposes them.</returns>
    public (Tensor Mean, Tensor LogVariance) Encode(
        Tensor pictures, Action<string, Tensor>? trace = null, CancellationToken cancellationToken = default)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor encoded = _encoder.Run(FeatureMap.Of(pictures.to(_policy.Compute, _policy.Device)), trace, cancellationToken);
        Tensor moments = _quant.Run(encoded).to(ScalarType.Float32).contiguous(); // [N, 2 latent, h, w]
        int half = Config.LatentChannels;
        Tensor mean = moments.narrow(1, 0, half).clone(), variance = moments.narrow(1, half, half).clamp(LeastLogVariance, MostLogVariance);
        return (mean.MoveToOuterDisposeScope(), variance.MoveToOuterDisposeScope());
    }

    /// <summary>Draws latents: <c>scale * (mean + exp(log variance / 2) * noise)</c>.</summary>
    /// <param name="pictures">As for <see cref="Encode"/>; borrowed.</param>
    /// <param name="noise">Standard normal numbers <c>[N, latent, h, w]</c>; borrowed. Null takes the mean.</param>
    /// <param name="cancellationToken">Checked between blocks.</param>
    /// <returns>float32 <c>[N, latent, h, w]</c>, scaled; the caller disposes them.</returns>
    public Tensor Latents(Tensor pictures, Tensor? noise, CancellationToken cancellationToken = default)
    {
        using DisposeScope scope = NewDisposeScope();
        (Tensor mean, Tensor variance) = Encode(pictures, cancellationToken: cancellationToken);
        Tensor latents = noise is null ? mean : Sample(mean, variance, noise.to(mean.device));
        return latents.mul(Config.Scale).MoveToOuterDisposeScope();
    }

    /// <summary>Draws from mean and log variance: <c>mean + exp(log variance / 2) * noise</c>; the caller disposes the result.</summary>
    /// <param name="mean">The mean; borrowed.</param>
    /// <param name="logVariance">The logarithm of the variance; borrowed.</param>
    /// <param name="noise">Standard normal numbers of the same shape; borrowed.</param>
    public static Tensor Sample(Tensor mean, Tensor logVariance, Tensor noise)
    {
        using DisposeScope scope = NewDisposeScope();
        return mean.add(logVariance.mul(0.5).exp().mul(noise)).MoveToOuterDisposeScope();
    }

    /// <summary>Decodes latents.</summary>
    /// <param name="latents"><c>[N, latent, h, w]</c>, not scaled; borrowed.</param>
    /// <param name="trace">Gets values by the published names of the modules that they come from, borrowed; null for nobody.</param>
    /// <param name="cancellationToken">Checked between blocks.</param>
    /// <returns>Pictures, float32 <c>[N, 3, H, W]</c>, about -1 to 1; the caller disposes them.</returns>
    public Tensor Decode(Tensor latents, Action<string, Tensor>? trace = null, CancellationToken cancellationToken = default)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor prepared = _postQuant.Run(FeatureMap.Of(latents.to(_policy.Compute, _policy.Device)));
        trace?.Invoke("post_quant_conv", prepared);
        return _decoder.Run(prepared, trace, cancellationToken).to(ScalarType.Float32).contiguous().MoveToOuterDisposeScope();
    }

    /// <summary>Decodes scaled latents to values from 0 to 1.</summary>
    /// <param name="latents"><c>[N, latent, h, w]</c>, scaled; borrowed.</param>
    /// <param name="cancellationToken">Checked between blocks.</param>
    /// <returns>float32 <c>[N, 3, H, W]</c>; the caller disposes them.</returns>
    public Tensor Pictures(Tensor latents, CancellationToken cancellationToken = default)
    {
        using DisposeScope scope = NewDisposeScope();
        return Decode(latents.div(Config.Scale), cancellationToken: cancellationToken).div(2).add(0.5).clamp(0, 1).MoveToOuterDisposeScope();
    }

    /// <summary>Disposes the weights.</summary>
    public void Dispose() => _loader.Dispose();
}
