using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.E3FaceNet.Fields;

/// <summary>Places samples where others found something.</summary>
internal static class ImportanceSamples
{
    private const double Smallest = 1e-5;

    /// <summary>Inverts the distribution that weights of bins give.</summary>
    /// <param name="edges">Edges of bins, rising, <c>[R, K + 1]</c>; borrowed.</param>
    /// <param name="weights">Weights of bins, <c>[R, K]</c>; borrowed.</param>
    /// <param name="at">Numbers from 0 to 1 that are looked up, <c>[R, M]</c>; borrowed.</param>
    /// <returns>Places, <c>[R, M]</c>; the caller disposes it.</returns>
    public static Tensor Place(Tensor edges, Tensor weights, Tensor at)
    {
        using DisposeScope scope = NewDisposeScope();
        long bins = weights.size(1);
        Tensor some = weights.add(Smallest);
        Tensor sums = cumsum(some.div(some.sum(-1, keepdim: true)), -1);
        sums = cat([zeros_like(sums.narrow(1, 0, 1)), sums], 1); // [R, K] -> [R, K + 1]
        Tensor found = searchsorted(sums.contiguous(), at.contiguous()); // [R, M]
        Tensor low = found.sub(1).clamp_min(0), high = found.clamp_max(bins);
        Tensor lowSum = sums.gather(1, low), lowEdge = edges.gather(1, low);
        Tensor width = sums.gather(1, high).sub(lowSum);
        width = where(width.lt(Smallest), ones_like(width), width); // an empty bin: its lower edge
        return lowEdge.add(at.sub(lowSum).div(width).mul(edges.gather(1, high).sub(lowEdge))).MoveToOuterDisposeScope();
    }
}
