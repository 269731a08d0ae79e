using Aperture.Kernels;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Decoding;

/// <content>Attention and the sums of attention maps, in managed kernels.</content>
public sealed partial class Ops
{
    /// <summary>Whether attention statistics may use the managed kernel.</summary>
    internal bool HasManagedKernels => Managed;

    /// <summary>Attention of one row over all keys of a cache in one managed pass, or null where libtorch is the way.</summary>
    /// <param name="q">Queries <c>[1, heads, head]</c> in the type computed in, contiguous; borrowed.</param>
    /// <param name="k">Keys; borrowed.</param>
    /// <param name="v">Values; borrowed.</param>
    /// <param name="shape">heads, kv heads, head, keys.</param>
    /// <returns><c>[1, heads * head]</c>; the caller disposes it.</returns>
    internal Tensor? AttendOneRow(Tensor q, StoredRows k, StoredRows v, (int Heads, int KeyValueHeads, int D, int Keys) shape)
    {
        if (!Managed)
        {
            return null;
        }

        Tensor y = empty(1, shape.Heads * shape.D, dtype: Type, device: Device);
        OneRowAttention.Run(_team!, HeadRows.SideBySide(q, shape.D), new CachedRows(k), new CachedRows(v), HeadRows.SideBySide(y, shape.D), shape);
        return y;
    }

    /// <summary>Attention of many rows, in a managed kernel where that is faster, else libtorch's.</summary>
    /// <param name="q">Queries <c>[B, heads, N, head]</c>; borrowed.</param>
    /// <param name="k">Keys <c>[B, heads or fewer, keys, head]</c>, each for as many of the queries' heads; borrowed.</param>
    /// <param name="v">Values, as keys; borrowed.</param>
    /// <param name="bias">Added to scaled logits, <c>[B, heads, N, keys]</c> or what broadcasts to it; null for none. Borrowed.</param>
    /// <returns><c>[B, heads, N, head]</c>; the caller disposes it.</returns>
    internal Tensor Attend(Tensor q, Tensor k, Tensor v, Tensor? bias = null)
        => AttendManaged(q, k, v, bias) ?? F.scaled_dot_product_attention(q, k, v, bias, 0, is_casual: false);

    /// <summary>
    /// As <see cref="Attend"/>; null where libtorch is the way. Where it is causal, queries are the last of the keys and see none behind themselves.
    /// </summary>
    internal Tensor? AttendManaged(Tensor q, Tensor k, Tensor v, Tensor? bias = null, bool causal = false)
    {
        if (!AttendsManaged(q, k, v, bias))
        {
            return null;
        }

        using DisposeScope scope = NewDisposeScope();
        Tensor? added = bias is null ? null : Packed(bias.expand(q.size(0), q.size(1), q.size(2), k.size(2)));
        return AttendManaged(q, k, v, causal, added is null ? null : sample => new LogitBias(Rows(added, sample))).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// Attention with what each query adds to its logits for a row and for a column of a grid, whose places the last keys are; nothing to keys in front. Null
    /// where libtorch is the way: see <see cref="SpreadOverGrid"/>.
    /// </summary>
    /// <param name="q">Queries <c>[B, heads, N, head]</c>; borrowed.</param>
    /// <param name="k">Keys <c>[B, heads, keys, head]</c>; borrowed.</param>
    /// <param name="v">Values, as keys; borrowed.</param>
    /// <param name="byRow"><c>[B, heads, N, rows]</c>; borrowed.</param>
    /// <param name="byColumn"><c>[B, heads, N, columns]</c>; borrowed.</param>
    /// <returns><c>[B, heads, N, head]</c>; the caller disposes it.</returns>
    internal Tensor? AttendOverGrid(Tensor q, Tensor k, Tensor v, Tensor byRow, Tensor byColumn)
    {
        if (!AttendsManaged(q, k, v, byRow, byColumn))
        {
            return null;
        }

        using DisposeScope scope = NewDisposeScope();
        (Tensor rows, Tensor columns) = (Packed(byRow), Packed(byColumn));
        (int Rows, int Columns) grid = ((int)rows.size(3), (int)columns.size(3));
        int front = (int)k.size(2) - (grid.Rows * grid.Columns);
        return AttendManaged(q, k, v, causal: false, sample => new LogitBias(Rows(rows, sample), Rows(columns, sample), grid, front)).MoveToOuterDisposeScope();
    }

    // A frozen model can lie between what is trained and its loss; the kernel keeps no gradients.
    private bool AttendsManaged(Tensor q, Tensor k, Tensor v, params ReadOnlySpan<Tensor?> added)
    {
        static bool Fits(Tensor? x)
            => x is null || (x.dtype is ScalarType.Float32 or ScalarType.BFloat16 && !(x.requires_grad && is_grad_enabled()));
        bool fits = Managed && ManyRowsAttention.IsFaster && k.dtype == q.dtype && v.dtype == q.dtype && Fits(q) && Fits(k) && Fits(v);
        foreach (Tensor? one in added)
        {
            fits &= Fits(one);
        }

        return fits;
    }

    private Tensor AttendManaged(Tensor q, Tensor k, Tensor v, bool causal, Func<long, LogitBias>? bias)
    {
        using DisposeScope scope = NewDisposeScope();
        (q, k, v) = (Packed(q), Packed(k), Packed(v));
        (long samples, long heads, long rows, long d) = (q.size(0), q.size(1), q.size(2), q.size(3));
        Tensor y = empty([samples, rows, heads, d], dtype: q.dtype, device: q.device);
        (int, int, int, int, int) shape = ((int)heads, (int)k.size(1), (int)d, (int)rows, (int)k.size(2));
        for (long sample = 0; sample < samples; sample++)
        {
            HeadRows written = new HeadRows(y, heads: 2, rows: 1).Skip(sample * y.stride(0));
            ManyRowsAttention.Run(_team!, Rows(q, sample), Rows(k, sample), Rows(v, sample), written, shape, causal, bias?.Invoke(sample));
        }

        return y.transpose(1, 2).MoveToOuterDisposeScope(); // [B, N, heads, head] -> [B, heads, N, head]
    }

    private static Tensor Packed(Tensor x) => x.stride(-1) == 1 ? x : x.contiguous();

    private static HeadRows Rows(Tensor x, long sample) => new HeadRows(x, heads: 1, rows: 2).Skip(sample * x.stride(0));

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

    /// <summary>A bias on attention's logits from what each query adds for a row and for a column of a grid; 0 for keys in front of the grid's.</summary>
    /// <param name="byRow"><c>[batch, heads, queries, rows]</c>; borrowed.</param>
    /// <param name="byColumn"><c>[batch, heads, queries, columns]</c>; borrowed.</param>
    /// <param name="bias">Gets <c>[batch, heads, queries, front + rows columns]</c>; contiguous.</param>
    internal unsafe void SpreadOverGrid(Tensor byRow, Tensor byColumn, Tensor bias)
    {
        (int rows, int columns) = ((int)byRow.size(3), (int)byColumn.size(3));
        int front = (int)bias.size(3) - (rows * columns);
        using Tensor packedRows = byRow.contiguous(), packedColumns = byColumn.contiguous();
        if (Managed && bias.dtype == ScalarType.Float32)
        {
            int queries = (int)(byRow.numel() / rows);
            GridSum.Run(
                _team!, (float*)TensorMemory.Pointer(packedRows), (float*)TensorMemory.Pointer(packedColumns), (float*)TensorMemory.Pointer(bias), queries,
                (rows, columns), front);
            return;
        }

        using DisposeScope scope = NewDisposeScope();
        bias.narrow(3, 0, front).zero_();
        Tensor places = bias.narrow(3, front, rows * columns).unflatten(3, [rows, columns]); // [..., rows columns] -> [..., rows, columns]
        places.copy_(packedRows.unsqueeze(-1).expand(-1, -1, -1, -1, columns)).add_(packedColumns.unsqueeze(-2));
    }
}
