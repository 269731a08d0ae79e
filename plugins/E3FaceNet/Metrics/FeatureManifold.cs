using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.E3FaceNet.Metrics;

/// <summary>Precision and recall: which share of one set's features lies among those of the other.</summary>
internal static class FeatureManifold
{
    private const int SliceRows = 1024;

    /// <summary>The neighbour that says how far a feature's surroundings reach, as published.</summary>
    public const int Neighbour = 3;

    /// <summary>The share of features that lie within the surroundings of at least one other.</summary>
    /// <param name="others">The features with surroundings, <c>[N, D]</c>; borrowed.</param>
    /// <param name="features">Those that are counted, <c>[M, D]</c>; borrowed.</param>
    /// <param name="neighbour">A feature's surroundings reach to its neighbour of this number.</param>
    public static double Share(Tensor others, Tensor features, int neighbour)
    {
        using DisposeScope scope = NewDisposeScope();

        // Half precision, as published: it decides which of near features counts as within.
        Tensor manifold = Halved(others), probes = Halved(features);
        Tensor reach = cat([.. Slices(manifold).Select(rows => Halved(kthvalue(Distances(rows, manifold), neighbour + 1, 1).values))]);
        Tensor within = cat([.. Slices(probes).Select(rows => Distances(rows, manifold).le(reach).any(1))]);
        return within.to(ScalarType.Float64).mean().item<double>();
    }

    private static Tensor Distances(Tensor rows, Tensor all) => Halved(cdist(rows, all));

    private static Tensor Halved(Tensor values) => values.to(ScalarType.Float16).to(ScalarType.Float32);

    private static IEnumerable<Tensor> Slices(Tensor rows)
    {
        for (long row = 0; row < rows.size(0); row += SliceRows)
        {
            yield return rows.narrow(0, row, Math.Min(SliceRows, rows.size(0) - row));
        }
    }
}
