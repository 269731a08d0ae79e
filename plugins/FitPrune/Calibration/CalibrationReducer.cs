using Aperture.Decoding;

namespace Aperture.Plugins.FitPrune.Calibration;

/// <summary>The reducer while calibrating: called in every layer of a prompt, it hands the two vectors to a rule.</summary>
internal abstract class CalibrationReducer(int layers, HeadReduction reduction) : VisualReducer
{
    public override string Name => FitPruneFactory.MethodName;

    protected int Layers => layers;

    public override void Declare(IReducerSites sites)
    {
        for (int layer = 0; layer < layers; layer++)
        {
            sites.AfterAttention(layer, DecoderPhase.Prefill, At(layer));
        }
    }

    /// <summary>The rule.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="rows">The sample's rows.</param>
    /// <param name="self">Self sums divided by the number of visual rows.</param>
    /// <param name="cross">Cross sums divided by the number of text rows: the run-time score does not divide, the official statistics do.</param>
    protected abstract int[] Choose(int layer, ImageRows rows, double[] self, double[] cross);

    protected sealed override int[] Choose(ILayerContext context, IAttentionStatistics statistics, int step, int sample, ImageRows rows)
    {
        VisualAttention attention = VisualAttention.Measure(statistics, sample, rows, context.Layout(sample).Count, reduction);
        double[] self = Array.ConvertAll(attention.Self, s => (double)s / rows.Visual.Length);
        double[] cross = Array.ConvertAll(attention.Cross, s => (double)s / Math.Max(rows.Text.Length, 1));
        Report(context, sample, "fitprune.calibration.self", Array.ConvertAll(self, v => (float)v));
        Report(context, sample, "fitprune.calibration.cross", Array.ConvertAll(cross, v => (float)v));
        int[] deleted = Choose(step, rows, self, cross);
        ReportRows(context, sample, "fitprune.calibration.deleted", rows, deleted);
        return deleted;
    }
}
