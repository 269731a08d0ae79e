using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.E3FaceNet.Fields;

/// <summary>How much each sample of a ray shows.</summary>
internal static class RayWeights
{
    /// <summary>The last distance of rays that end nowhere.</summary>
    public const double Infinite = 1e10;

    private const double Smallest = 1e-10;

    /// <summary>Weights of samples, and what passes all but the last.</summary>
    /// <param name="density">Density, raw or not below 0, <c>[B, N, S]</c>; borrowed.</param>
    /// <param name="depth">Rising, <c>[B, N, S]</c>; borrowed.</param>
    /// <param name="direction">Directions of rays, whose length scales depths, <c>[B, N, 3]</c>; null where depths are lengths. Borrowed.</param>
    /// <param name="last">The last sample's length; above 0 it lets nothing pass.</param>
    /// <returns><c>[B, N, S]</c> and <c>[B, N]</c>; the caller disposes them.</returns>
    public static (Tensor Weights, Tensor Passed) Of(Tensor density, Tensor depth, Tensor? direction, double last)
    {
        using DisposeScope scope = NewDisposeScope();
        int samples = (int)density.size(-1);
        Tensor lengths = depth.narrow(-1, 1, samples - 1).sub(depth.narrow(-1, 0, samples - 1)); // [B, N, S - 1]
        if (direction is not null)
        {
            lengths = lengths.mul(direction.norm(-1, true));
        }

        Tensor opaque = density.narrow(-1, 0, samples - 1).relu().mul(lengths).neg().exp().neg().add(1);
        Tensor end = last > 0 ? ones_like(density.narrow(-1, 0, 1)) : zeros_like(density.narrow(-1, 0, 1)); // a length of 0 hides nothing
        Tensor passes = cumprod(opaque.neg().add(1).add(Smallest), -1); // [B, N, S - 1]
        Tensor before = cat([ones_like(end), passes], -1); // [B, N, S]
        Tensor weights = cat([opaque, end], -1).mul(before);
        return (weights.MoveToOuterDisposeScope(), passes.select(-1, samples - 2).contiguous().MoveToOuterDisposeScope());
    }
}
