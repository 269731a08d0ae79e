using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Diffusion;

/// <summary>A square convolution. Borrows its tensors.</summary>
/// <param name="weight"><c>[out, in, k, k]</c>.</param>
/// <param name="bias"><c>[out]</c>; null for none.</param>
/// <param name="stride">Step in pixels.</param>
/// <param name="padding">Zeros on every side.</param>
internal sealed class Convolution(Tensor weight, Tensor? bias, int stride, int padding)
{
    private readonly long[] _stride = [stride, stride];
    private readonly long[] _padding = [padding, padding];

    /// <summary>Convolves.</summary>
    /// <param name="x"><c>[N, in, H, W]</c>; borrowed.</param>
    /// <returns><c>[N, out, H / stride, W / stride]</c>; the caller disposes it.</returns>
    public Tensor Run(Tensor x) => F.conv2d(x, weight, bias, strides: _stride, padding: _padding);
}
