using Aperture.Decoding;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.FitPrune;

/// <summary>
/// The roundings of the official half-precision run: the map is rounded to fp16 before heads are reduced, self entries are divided by the number of visual
/// tokens in fp16 before they are summed, sums are taken in fp32 and rounded to fp16.
/// </summary>
internal static class HalfPrecisionAttention
{
    /// <summary>Self (already divided) and cross sums, every value an fp16 one.</summary>
    public static VisualAttention Measure(IAttentionStatistics statistics, int sample, ImageRows rows, int current, HeadReduction reduction, int rowBlock)
    {
        float[] self = Sums(statistics, sample, rows, rows.Visual, current, reduction, rowBlock, rows.Visual.Length);
        float[] cross = Sums(statistics, sample, rows, rows.Text, current, reduction, rowBlock, 1);
        return new VisualAttention(self, cross);
    }

    private static float[] Sums(
        IAttentionStatistics statistics, int sample, ImageRows rows, int[] group, int current, HeadReduction reduction, int rowBlock, int divisor)
    {
        float[]? sums = null;
        foreach (int[] chunk in group.Chunk(rowBlock))
        {
            statistics.RowBlocks(sample, chunk, (_, probabilities) =>
            {
                using DisposeScope scope = NewDisposeScope();
                Tensor half = probabilities.to(ScalarType.Float16); // [heads, rows, keys]
                Tensor map = reduction == HeadReduction.Max ? half.amax([0]) : half.mean([0]); // [rows, keys]
                Tensor block = (divisor == 1 ? map : map / divisor).to(ScalarType.Float32).sum(dim: 0).cpu(); // [keys]
                float[] values = block.data<float>().ToArray();
                sums ??= new float[values.Length];
                for (int j = 0; j < values.Length; j++)
                {
                    sums[j] += values[j];
                }
            });
        }

        int first = (sums?.Length ?? current) - current;
        return Array.ConvertAll(rows.Visual, row => sums is null ? 0 : (float)(Half)sums[first + row]);
    }
}
