using Aperture.Decoding;
using static TorchSharp.torch;

namespace Aperture.Plugins.FitPrune;

/// <summary>How much attention each visual token gets in a layer, summed over the head-reduced map.</summary>
/// <param name="Self">Sum over visual rows, one entry a visual row.</param>
/// <param name="Cross">Sum over the text rows behind the image, one entry a visual row.</param>
internal sealed record VisualAttention(float[] Self, float[] Cross)
{
    /// <summary>Reads both sums in one go.</summary>
    /// <param name="statistics">The layer's attention map.</param>
    /// <param name="sample">The sample.</param>
    /// <param name="rows">Its rows.</param>
    /// <param name="current">Number of the sample's current rows: they are the last of the layer's keys.</param>
    /// <param name="reduction">How heads become one map.</param>
    public static VisualAttention Measure(IAttentionStatistics statistics, int sample, ImageRows rows, int current, HeadReduction reduction)
    {
        bool text = rows.Text.Length > 0;
        using Tensor sums = statistics.ColumnSums(sample, reduction, text ? [rows.Visual, rows.Text] : [rows.Visual]); // [groups, keys]
        using Tensor host = sums.cpu();
        int keys = (int)host.size(1);
        float[] values = host.data<float>().ToArray();
        int first = keys - current;
        float[] self = new float[rows.Visual.Length];
        float[] cross = new float[rows.Visual.Length];
        for (int j = 0; j < self.Length; j++)
        {
            int column = first + rows.Visual[j];
            self[j] = values[column];
            cross[j] = text ? values[keys + column] : 0;
        }

        return new VisualAttention(self, cross);
    }
}
