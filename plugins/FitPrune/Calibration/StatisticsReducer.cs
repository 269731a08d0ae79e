using Aperture.Decoding;

namespace Aperture.Plugins.FitPrune.Calibration;

/// <summary>Deletes nothing and notes how much attention the visual tokens get in each layer.</summary>
internal sealed class StatisticsReducer(int layers, HeadReduction reduction) : CalibrationReducer(layers, reduction)
{
    private readonly double[] _self = new double[layers];
    private readonly double[] _cross = new double[layers];
    private readonly bool[] _seen = new bool[layers];
    private ImageRows? _rows;

    /// <summary>What was noted.</summary>
    /// <param name="id">The sample's name.</param>
    /// <exception cref="ApertureException">The sample has no image or no text after it, or a layer was not asked.</exception>
    public SampleStatistics Take(string id)
    {
        if (_rows is null || _rows.Text.Length == 0)
        {
            throw FitPruneOptions.Error($"sample '{id}' has {(_rows is null ? "no image" : "no text after its image")}; fit on pictures with questions");
        }

        int missing = Array.IndexOf(_seen, false);
        return missing < 0
            ? new SampleStatistics
            {
                Id = id,
                Prefix = _rows.Visual[0],
                VisualTokens = _rows.Visual.Length,
                TextAfter = _rows.Text.Length,
                Self = _self,
                Cross = _cross,
            }
            : throw FitPruneOptions.Error($"layer {missing} has no attention to measure; fit on a model without layers that are left out");
    }

    protected override int[] Choose(int layer, ImageRows rows, double[] self, double[] cross)
    {
        _rows = rows;
        _seen[layer] = true;
        _self[layer] = DeletionThreshold.Total(self);
        _cross[layer] = DeletionThreshold.Total(cross);
        return [];
    }
}
