using Aperture.Kernels;
using static TorchSharp.torch;

namespace Aperture.Diffusion;

/// <summary>A square convolution. Borrows its tensors.</summary>
/// <param name="weight"><c>[out, in, k, k]</c>.</param>
/// <param name="bias"><c>[out]</c>; null for none.</param>
/// <param name="stride">Step in pixels.</param>
/// <param name="padding">Zeros on every side.</param>
internal sealed class Convolution(Tensor weight, Tensor? bias, int stride, int padding)
{
    /// <summary>Convolves.</summary>
    /// <param name="x"><c>[N, in, H, W]</c>; borrowed.</param>
    /// <returns><c>[N, out, H / stride, W / stride]</c>; the caller disposes it.</returns>
    public Tensor Run(Tensor x) => Convolutions.Run(x, weight, bias, stride, padding);
}
