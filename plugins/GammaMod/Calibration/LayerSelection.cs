namespace Aperture.Plugins.GammaMod.Calibration;

/// <summary>From ARank to MoD layers.</summary>
internal static class LayerSelection
{
    /// <summary>Dense layers of the published models.</summary>
    public const int DefaultKeepDense = 4;

    /// <summary>Layers by ascending ARank; of equal ones the earlier comes first.</summary>
    public static int[] Order(IReadOnlyList<double> arank) => [.. Enumerable.Range(0, arank.Count).OrderBy(layer => arank[layer])];

    /// <summary>The layers with an ARank below a threshold, ascending.</summary>
    /// <exception cref="ApertureException">There is none.</exception>
    public static int[] Below(IReadOnlyList<double> arank, double threshold)
    {
        int[] layers = [.. Enumerable.Range(0, arank.Count).Where(layer => arank[layer] < threshold)];
        return layers.Length > 0 ? layers : throw GammaModFactory.Error($"no layer's ARank is below Threshold {threshold}; the lowest is {arank.Min():0.##}");
    }

    /// <summary>All layers but those of highest ARank, ascending.</summary>
    /// <exception cref="ApertureException">The model has no more layers than are to stay dense.</exception>
    public static int[] AllBut(IReadOnlyList<double> arank, int keepDense)
        => keepDense < arank.Count
            ? [.. Order(arank).Take(arank.Count - keepDense).Order()]
            : throw GammaModFactory.Error($"KeepDense {keepDense} leaves no layer of {arank.Count}; keep fewer dense");
}
