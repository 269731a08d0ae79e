using Aperture.Kernels;
using static TorchSharp.torch;

namespace Aperture.Decoding;

/// <content>Attention of few rows and the sums of attention maps, in managed kernels.</content>
public sealed partial class Ops
{
    /// <summary>Whether attention statistics may use the managed kernel.</summary>
    internal bool HasManagedKernels => Managed;

    /// <summary>Attention of one row over all keys of a cache in one managed pass, or null where libtorch is the way.</summary>
    /// <param name="q">Queries <c>[1, heads, head]</c>, contiguous; borrowed.</param>
    /// <param name="k">Keys <c>[kv heads, keys, head]</c>, a view with contiguous rows; borrowed.</param>
    /// <param name="v">Values, laid out as the keys; borrowed.</param>
    /// <param name="shape">heads, kv heads, head, keys.</param>
    /// <returns><c>[1, heads * head]</c>; the caller disposes it.</returns>
    internal unsafe Tensor? AttendOneRow(Tensor q, Tensor k, Tensor v, (int Heads, int KeyValueHeads, int D, int Keys) shape)
    {
        if (!Managed)
        {
            return null;
        }

        Tensor y = empty(1, shape.Heads * shape.D, dtype: Type, device: Device);
        OneRowAttention.Run(
            _team!, TensorMemory.Pointer(q), TensorMemory.Pointer(k), TensorMemory.Pointer(v), TensorMemory.Pointer(y),
            (shape.Heads, shape.KeyValueHeads, shape.D, shape.Keys, k.stride(0), k.stride(1)), Type == ScalarType.BFloat16);
        return y;
    }

    /// <summary>Column sums of the head-reduced attention probabilities over groups of query rows, on the CPU in one pass a row block.</summary>
    /// <param name="scores">Unscaled logits of a block of rows <c>[heads, rows, keys]</c> in the type computed in, contiguous.</param>
    /// <param name="visible">Per row of the block the number of leading keys it sees.</param>
    /// <param name="first">Per row of the block the first key it sees (a sliding window), 0 without a window.</param>
    /// <param name="groupOf">Per row of the block the bits of the groups it belongs to.</param>
    /// <param name="sums">float32 <c>[groups, keys]</c>, added to.</param>
    /// <param name="shape">heads, keys of the block, keys of a row of <paramref name="sums"/>, groups.</param>
    /// <param name="scale">Factor on the logits.</param>
    /// <param name="maximum">Head maximum, else head mean.</param>
    internal unsafe void AddHeadReducedColumnSums(
        Tensor scores, ReadOnlyMemory<int> visible, ReadOnlyMemory<int> first, ReadOnlyMemory<int> groupOf, Tensor sums,
        (int Heads, int Keys, int Stride, int Groups) shape, float scale, bool maximum)
        => HeadReducedSums.Add(
            _team!, TensorMemory.Pointer(scores), Type == ScalarType.BFloat16, visible, first, groupOf,
            (float*)TensorMemory.Pointer(sums), shape, scale, maximum);
}
