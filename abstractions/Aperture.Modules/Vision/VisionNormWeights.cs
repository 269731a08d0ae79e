using Aperture.Decoding;
using Aperture.Models;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Vision;

/// <summary>A norm of a vision transformer. Borrows its tensors.</summary>
/// <param name="Weight">The gain <c>[d]</c>.</param>
/// <param name="Bias">The bias <c>[d]</c> of a layer norm; null for a root-mean-square norm.</param>
public sealed record VisionNormWeights(Tensor Weight, Tensor? Bias)
{
    /// <summary>Normalises the last dimension.</summary>
    /// <param name="x">Rows <c>[…, d]</c>; borrowed.</param>
    /// <param name="epsilon">Added to the variance, or to the mean of squares.</param>
    /// <param name="ops">Operations.</param>
    /// <returns>Rows <c>[…, d]</c>; the caller disposes them.</returns>
    public Tensor Run(Tensor x, double epsilon, Ops ops)
    {
        long width = Weight.size(0);
        if (Bias is not null)
        {
            return F.layer_norm(x, [width], Weight, Bias, epsilon);
        }

        using Tensor packed = x.contiguous();
        return ops.RmsNorm(packed, Weight, epsilon, (int)(packed.numel() / width), (int)width);
    }
}
