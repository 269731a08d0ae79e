using static TorchSharp.torch;

namespace Aperture.Plugins.E3FaceNet.Layers;

/// <summary>Convolutions of one pixel, as the matrix products that they are.</summary>
internal static class Pixelwise
{
    /// <summary>Multiplies each pixel's channels by a matrix and adds a bias.</summary>
    /// <param name="x"><c>[B, I, H, W]</c>, contiguous; borrowed.</param>
    /// <param name="kernels"><c>[1 or B, O, I]</c>; borrowed.</param>
    /// <param name="bias"><c>[O]</c>; null for none. Borrowed.</param>
    /// <returns><c>[B, O, H, W]</c>; the caller disposes it.</returns>
    public static Tensor Run(Tensor x, Tensor kernels, Tensor? bias)
    {
        long batch = x.size(0), height = x.size(2), width = x.size(3);
        using Tensor pixels = x.flatten(2); // [B, I, H, W] -> [B, I, H W]
        using Tensor each = kernels.expand(batch, -1, -1);
        using Tensor? column = bias?.unsqueeze(-1); // [O] -> [O, 1]
        using Tensor y = column is null ? bmm(each, pixels) : each.baddbmm(pixels, column); // -> [B, O, H W]
        return y.unflatten(2, [height, width]); // -> [B, O, H, W]
    }
}
