using Aperture.Measuring;
using static TorchSharp.torch;

namespace Aperture.Decoding;

/// <summary>
/// Statistics after rows were dropped in the same layer: rows and columns are those that are left (keys cached by earlier forwards stay in front).
/// </summary>
/// <param name="inner">Statistics of all rows that attended.</param>
/// <param name="kept">Per sample the rows that are left.</param>
/// <param name="attended">Per sample the number of rows that attended.</param>
internal sealed class RemainingStatistics(IAttentionStatistics inner, int[][] kept, int[] attended) : IAttentionStatistics
{
    public Tensor ColumnSums(int sample, HeadReduction reduction, IReadOnlyList<int[]> groups)
    {
        using Tensor all = inner.ColumnSums(sample, reduction, [.. groups.Select(group => Original(sample, group))]);
        return Columns(sample, all);
    }

    public void RowBlocks(int sample, int[] rows, Action<int[], Tensor> block)
    {
        inner.RowBlocks(sample, Original(sample, rows), (part, probabilities) =>
        {
            using Tensor columns = Columns(sample, probabilities);
            block([.. part.Select(row => Array.BinarySearch(kept[sample], row))], columns);
        });
    }

    private int[] Original(int sample, int[] rows) => [.. rows.Select(row => kept[sample][row])];

    private Tensor Columns(int sample, Tensor all)
    {
        long before = all.size(-1) - attended[sample];
        using Tensor index = tensor(
            [.. Enumerable.Range(0, (int)before).Select(key => (long)key), .. kept[sample].Select(row => before + row)], device: all.device);
        return all.index_select(all.dim() - 1, index);
    }
}
