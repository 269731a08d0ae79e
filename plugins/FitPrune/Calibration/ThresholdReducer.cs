using Aperture.Decoding;

namespace Aperture.Plugins.FitPrune.Calibration;

/// <summary>
/// The search's rule: in each layer as many tokens go as leave (1 - alpha) of the un-pruned model's cross attention and as leave (1 - alpha) of its self
/// attention, and of the two sets only what stands in both.
/// </summary>
internal sealed class ThresholdReducer(SampleStatistics statistics, double alpha, HeadReduction reduction)
    : CalibrationReducer(statistics.Cross.Length, reduction)
{
    private readonly int[] _crossAllowed = new int[statistics.Cross.Length];
    private readonly int[] _selfAllowed = new int[statistics.Cross.Length];
    private readonly int[] _deleted = new int[statistics.Cross.Length];

    /// <summary>What went.</summary>
    public SamplePass Take(int sample) => new()
    {
        Sample = sample,
        Alpha = alpha,
        CrossAllowed = _crossAllowed,
        SelfAllowed = _selfAllowed,
        Deleted = _deleted,
    };

    protected override int[] Choose(int layer, ImageRows rows, double[] self, double[] cross)
    {
        int byCross = DeletionThreshold.Allowed(cross, (1 - alpha) * statistics.Cross[layer]);
        int bySelf = DeletionThreshold.Allowed(self, (1 - alpha) * statistics.Self[layer]);
        HashSet<int> lowCross = [.. Lowest(cross, byCross)];
        int[] both = [.. Lowest(self, bySelf).Where(lowCross.Contains).Order()];
        _crossAllowed[layer] = byCross;
        _selfAllowed[layer] = bySelf;
        _deleted[layer] = both.Length;
        return both;
    }

    private static IEnumerable<int> Lowest(double[] values, int count)
        => TokenScores.Lowest(Array.ConvertAll(values, v => (float)v), count, stable: true);
}
