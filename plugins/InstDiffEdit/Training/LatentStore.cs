using Aperture.Diffusion;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.InstDiffEdit.Training;

/// <summary>Draws latents of samples' pictures; keeps mean and variance of each in memory where asked. Owns what it keeps.</summary>
/// <param name="model">Its autoencoder encodes; borrowed.</param>
/// <param name="keeps">Whether they are kept.</param>
internal sealed class LatentStore(DiffusionModel model, bool keeps) : IDisposable
{
    private readonly Dictionary<string, (Tensor Mean, Tensor LogVariance)> _kept = new(StringComparer.Ordinal);

    /// <summary>A draw of a sample's latents: float32 <c>[1, C, h, w]</c>, scaled; in the caller's dispose scope.</summary>
    public Tensor Of(DiffusionSample sample, CancellationToken cancellationToken)
    {
        using IDisposable quiet = no_grad();
        using DisposeScope scope = NewDisposeScope();
        if (!_kept.TryGetValue(sample.Picture, out (Tensor Mean, Tensor LogVariance) moments))
        {
            moments = model.Pictures.Encode(sample.Pixels(model.PictureSize), cancellationToken: cancellationToken);
            if (keeps)
            {
                _kept[sample.Picture] = (moments.Mean.DetachFromDisposeScope(), moments.LogVariance.DetachFromDisposeScope());
            }
        }

        Tensor drawn = Autoencoder.Sample(moments.Mean, moments.LogVariance, randn_like(moments.Mean));
        return drawn.mul(model.Pictures.Config.Scale).MoveToOuterDisposeScope();
    }

    public void Dispose()
    {
        foreach ((Tensor mean, Tensor variance) in _kept.Values)
        {
            mean.Dispose();
            variance.Dispose();
        }
    }
}
