using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Diffusion;

/// <summary>A norm over groups of channels. Borrows its tensors.</summary>
/// <param name="weight">The gain <c>[C]</c>.</param>
/// <param name="bias">The bias <c>[C]</c>.</param>
/// <param name="groups">Groups.</param>
/// <param name="epsilon">Added to the variance.</param>
internal sealed class GroupNorm(Tensor weight, Tensor bias, int groups, double epsilon)
{
    /// <summary>Normalises <c>[N, C, H, W]</c>; the caller disposes the result.</summary>
    // With channels innermost libtorch takes the variance as the mean of squares less the square of the mean, which loses digits on large maps.
    public Tensor Run(Tensor x)
    {
        using Tensor planes = x.contiguous();
        using Tensor normed = F.group_norm(planes, groups, weight, bias, epsilon);
        return FeatureMap.Of(normed);
    }

    /// <summary>The same, then SiLU.</summary>
    public Tensor Activated(Tensor x) => Run(x).silu_();
}
