using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.DtNet.Paths;

/// <summary>How the weights of a stage are used: as they are, or made sparse so that cells without weight need not run.</summary>
/// <param name="Mode">The way.</param>
/// <param name="Most">Cells that run at most, for <see cref="RouteMode.Top"/>.</param>
/// <param name="Least">The weight from which on a cell runs, for <see cref="RouteMode.Threshold"/>.</param>
/// <param name="Seed">Seed of <see cref="RouteMode.Random"/>.</param>
internal sealed record RoutePlan(RouteMode Mode, int Most = 1, double Least = 0.3, long Seed = 1)
{
    /// <summary>As published.</summary>
    public static RoutePlan Soft { get; } = new(RouteMode.Soft);

    /// <summary>Whether cells may be left out.</summary>
    public bool IsSparse => Mode is RouteMode.Argmax or RouteMode.Top or RouteMode.Threshold or RouteMode.Random;

    /// <summary>The weights that count.</summary>
    /// <param name="weights">The router's, float32 <c>[B, K]</c>; borrowed.</param>
    /// <param name="stage">The stage's number, from 0.</param>
    /// <param name="first">Number of the batch's first picture, by which random paths are drawn.</param>
    /// <returns>float32 <c>[B, K]</c>, rows summing to 1, zeros for cells that do not run; in the caller's dispose scope.</returns>
    public Tensor Apply(Tensor weights, int stage, long first = 0)
    {
        using DisposeScope scope = NewDisposeScope();
        long cells = weights.size(1);
        Tensor kept = Mode switch
        {
            RouteMode.Soft => weights.alias(),
            RouteMode.Static => full_like(weights, 1.0 / cells),
            RouteMode.Random => Drawn(weights, stage, first),
            RouteMode.Threshold => weights.mul(weights.ge(Least).logical_or(Largest(weights, 1)).to_type(weights.dtype)),
            _ => weights.mul(Largest(weights, Mode == RouteMode.Argmax ? 1 : Math.Min(Most, cells)).to_type(weights.dtype)),
        };
        return (IsSparse ? kept.div(kept.sum(-1, keepdim: true)) : kept).MoveToOuterDisposeScope();
    }

    // Bool [B, K]: the heaviest cells.
    private static Tensor Largest(Tensor weights, long count)
        => zeros_like(weights, ScalarType.Bool).scatter(1, weights.topk((int)count, dim: 1).indexes, ones_like(weights, ScalarType.Bool));

    private Tensor Drawn(Tensor weights, int stage, long first)
    {
        int cells = (int)weights.size(1);
        long[] chosen =
        [
            .. Enumerable.Range(0, (int)weights.size(0)).Select(
                row => (long)new Random(unchecked((int)((Seed * 7_368_787) + ((first + row) * 1_000_003) + (stage * 31)))).Next(cells)),
        ];
        Tensor places = tensor(chosen, [chosen.Length, 1]).to(weights.device);
        return zeros_like(weights).scatter(1, places, ones_like(weights));
    }
}
