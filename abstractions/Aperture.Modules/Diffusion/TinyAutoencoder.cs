using Aperture.Decoding;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Diffusion;

/// <summary>
/// A small autoencoder for the latents of large diffusion models (TAESD, TAESD3, TAEF1, TAEF2): convolutions and rectifiers alone, for previews of latents or
/// in the place of the large one. Its latents are the model's, scaled. Owns its weights.
/// </summary>
public sealed class TinyAutoencoder : IDisposable
{
    private const double Limit = 3; // of latents, softly

    private readonly WeightLoader[] _loaders;
    private readonly IReadOnlyList<TinyStage> _encoder, _decoder;
    private readonly WeightPolicy _policy;

    private TinyAutoencoder(WeightLoader[] loaders, IWeightSource encoder, IWeightSource decoder, WeightPolicy policy)
    {
        (_loaders, _policy) = (loaders, policy);
        _encoder = TinyStage.Read(loaders[0], encoder, enlarges: false);
        _decoder = TinyStage.Read(loaders[1], decoder, enlarges: true);
        LatentChannels = _encoder[^1].Outputs;
        int sizes = _encoder.Count(stage => stage.ChangesSize);
        Stride = 1 << sizes;
        if (_encoder[0].Inputs != 3 || _decoder[^1].Outputs != 3 || _decoder[0].Inputs != LatentChannels || _decoder.Count(stage => stage.ChangesSize) != sizes)
        {
            throw new ApertureException(
                $"These are no encoder and decoder of one small autoencoder: {_encoder[0].Inputs} channels to {LatentChannels} at 1/{Stride}, and "
                + $"{_decoder[0].Inputs} to {_decoder[^1].Outputs}; take the two files of one model, encoder first.");
        }
    }

    /// <summary>Channels of a latent.</summary>
    public int LatentChannels { get; }

    /// <summary>Pixels of a picture's side that are one of a latent's.</summary>
    public int Stride { get; }

    /// <summary>Loads both halves.</summary>
    /// <param name="encoder">The encoder's file, tensors named by their place in the sequence (<c>1.conv.0.weight</c>); must outlive the autoencoder.</param>
    /// <param name="decoder">The decoder's file; likewise.</param>
    /// <param name="policy">Where it runs and in which type.</param>
    /// <returns>The autoencoder; the caller disposes it.</returns>
    /// <exception cref="ApertureException">A file holds something else, or the two do not belong together.</exception>
    public static TinyAutoencoder Load(IWeightSource encoder, IWeightSource decoder, WeightPolicy policy)
    {
        WeightLoader[] loaders = [new(encoder, policy), new(decoder, policy)];
        try
        {
            return new TinyAutoencoder(loaders, encoder, decoder, policy);
        }
        catch
        {
            Array.ForEach(loaders, loader => loader.Dispose());
            throw;
        }
    }

    /// <summary>Encodes pictures.</summary>
    /// <param name="pictures"><c>[N, 3, H, W]</c> from 0 to 1; borrowed. Sides are multiples of <see cref="Stride"/>.</param>
    /// <returns>Latents, float32 <c>[N, C, H / stride, W / stride]</c>; the caller disposes them.</returns>
    /// <exception cref="ApertureException">A side is no multiple.</exception>
    public Tensor Encode(Tensor pictures)
    {
        if (pictures.size(2) % Stride != 0 || pictures.size(3) % Stride != 0)
        {
            throw new ApertureException($"A picture of {pictures.size(3)}x{pictures.size(2)} pixels; sides must be multiples of {Stride}.");
        }

        return Run(_encoder, pictures);
    }

    /// <summary>Decodes latents.</summary>
    /// <param name="latents"><c>[N, C, h, w]</c>; borrowed.</param>
    /// <returns>Pictures from 0 to 1, float32 <c>[N, 3, h * stride, w * stride]</c>; the caller disposes them.</returns>
    public Tensor Decode(Tensor latents)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor limited = latents.div(Limit).tanh().mul(Limit);
        return Run(_decoder, limited).clamp(0, 1).MoveToOuterDisposeScope();
    }

    /// <summary>Disposes the weights.</summary>
    public void Dispose() => Array.ForEach(_loaders, loader => loader.Dispose());

    private Tensor Run(IReadOnlyList<TinyStage> stages, Tensor input)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = FeatureMap.Of(input.to(_policy.Compute, _policy.Device));
        foreach (TinyStage stage in stages)
        {
            using Tensor previous = x;
            x = stage.Run(previous);
        }

        return x.to(ScalarType.Float32).contiguous().MoveToOuterDisposeScope();
    }
}
