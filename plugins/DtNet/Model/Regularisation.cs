using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Plugins.DtNet.Model;

/// <summary>
/// That a forward is one of training: batch norms use their batch's statistics and move their own, and dropout is drawn from libtorch's generator, which the
/// step seeds.
/// </summary>
/// <param name="Dropout">Fraction that is set to zero.</param>
internal sealed record Regularisation(double Dropout);

/// <summary>Dropout where there is any.</summary>
internal static class RegularisationExtensions
{
    /// <summary>Sets some values to zero and scales the others up.</summary>
    /// <param name="training">How to train; null outside training.</param>
    /// <param name="x">Borrowed; without dropout it is what is given back.</param>
    public static Tensor Drop(this Regularisation? training, Tensor x)
        => training is { Dropout: > 0 and double rate } ? F.dropout(x, rate, training: true) : x;
}
