using static TorchSharp.torch;

namespace Aperture.Decoding;

/// <summary>
/// Softmax probabilities of one layer, computed on demand from its queries and keys, row block by row block. Nothing is computed until a hook calls,
/// and the layer's own attention stays fused. Valid only during the hook call.
/// </summary>
public interface IAttentionStatistics
{
    /// <summary>
    /// Column sums of the head reduction: for each group of query rows, <c>Σ_{i in group} reduce_h A[h, i, j]</c>.
    /// </summary>
    /// <param name="sample">Index of the sample in the batch.</param>
    /// <param name="reduction">Maximum or mean over heads.</param>
    /// <param name="groups">Groups of current row indices of the sample.</param>
    /// <returns>
    /// float32 <c>[groups, keys]</c> on the model's device; the caller disposes it. Keys are the sample's cached rows of this layer, in order.
    /// </returns>
    Tensor ColumnSums(int sample, HeadReduction reduction, IReadOnlyList<int[]> groups);

    /// <summary>Hands the probabilities of chosen query rows to a callback, a block of rows at a time.</summary>
    /// <param name="sample">Index of the sample in the batch.</param>
    /// <param name="rows">Current row indices of the sample, ascending.</param>
    /// <param name="block">Gets the rows of the block and the float32 probabilities <c>[heads, rows, keys]</c>, borrowed for the call.</param>
    void RowBlocks(int sample, int[] rows, Action<int[], Tensor> block);
}

/// <summary>How the heads of an attention map become one map.</summary>
public enum HeadReduction
{
    /// <summary>The largest value over heads.</summary>
    Max,

    /// <summary>The mean over heads.</summary>
    Mean,
}
