using Aperture.Decoding;
using Aperture.Sequences;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Vision;

/// <summary>
/// Attention over a whole grid with relative positions from queries. It takes some rows of the grid at a time, so that the bias of all queries with all keys is
/// never in memory: what it needs grows with the number of places, not with its square.
/// </summary>
/// <param name="rowTable">Relative positions of rows <c>[length, head]</c>; borrowed.</param>
/// <param name="columnTable">Relative positions of columns; borrowed.</param>
/// <param name="grid">The grid: its places in order are the last queries and the last keys.</param>
/// <param name="ops">Operations; borrowed.</param>
internal sealed class RelativeAttention(Tensor rowTable, Tensor columnTable, VisualGrid grid, Ops ops)
{
    // Elements. Of a picture of 64 x 64 places and 12 heads these are 12 rows, 768 queries: fewer at a time make libtorch's kernel work in smaller blocks.
    private const long LargestBias = 38L << 20;

    /// <summary>Attends. Rows in front of the grid's get no bias and give none.</summary>
    /// <param name="q">Queries before scaling <c>[batch, heads, front + places, head]</c>; borrowed.</param>
    /// <param name="k">Keys <c>[batch, heads, front' + places, head]</c>; borrowed.</param>
    /// <param name="v">Values, as keys; borrowed.</param>
    /// <returns><c>[batch, heads, front + places, head]</c>; the caller disposes it.</returns>
    public Tensor Run(Tensor q, Tensor k, Tensor v)
    {
        using DisposeScope scope = NewDisposeScope();
        int front = (int)q.size(2) - grid.Count, seen = (int)k.size(2) - grid.Count;
        Tensor rowVectors = RelativePositions.Vectors(rowTable, grid.Rows, grid.Rows); // [rows, rows, head]
        Tensor columnVectors = RelativePositions.Vectors(columnTable, grid.Columns, grid.Columns); // [columns, columns, head]
        Tensor asking = q.narrow(2, front, grid.Count).unflatten(2, [grid.Rows, grid.Columns]); // -> [B, heads, rows, columns, head]
        List<Tensor> parts = [];
        if (front > 0)
        {
            parts.Add(ops.Attend(q.narrow(2, 0, front), k, v));
        }

        int step = (int)Math.Clamp(LargestBias / (q.size(0) * q.size(1) * grid.Columns * k.size(2)), 1, grid.Rows);
        Tensor? bias = null; // one after the other in the same memory
        for (int row = 0; row < grid.Rows; row += step)
        {
            int rows = Math.Min(step, grid.Rows - row);
            using DisposeScope part = NewDisposeScope();
            Tensor some = asking.narrow(2, row, rows);
            bias = Bias(some, rowVectors.narrow(0, row, rows), columnVectors, seen, bias);
            Tensor flat = some.flatten(2, 3); // [B, heads, rows, columns, head] -> [B, heads, rows * columns, head]
            parts.Add(ops.Attend(flat, k, v, bias).MoveToOuterDisposeScope());
            bias.MoveToOuterDisposeScope();
        }

        return (parts.Count == 1 ? parts[0] : cat(parts, 2)).MoveToOuterDisposeScope();
    }

    // [B, heads, rows, columns, head] -> [B, heads, rows * columns, seen + places]
    private Tensor Bias(Tensor some, Tensor rowVectors, Tensor columnVectors, int seen, Tensor? memory)
    {
        Tensor byRow = einsum("bhyxc,ykc->bhyxk", some, rowVectors).flatten(2, 3); // -> [B, heads, n, rows of keys]
        Tensor byColumn = einsum("bhyxc,xkc->bhyxk", some, columnVectors).flatten(2, 3); // -> [B, heads, n, columns of keys]
        if (ops.Differentiable)
        {
            Tensor sum = byRow.unsqueeze(-1).add(byColumn.unsqueeze(-2)).flatten(3); // -> [B, heads, n, places]
            return seen == 0 ? sum : F.pad(sum, [seen, 0]);
        }

        Tensor bias = memory is not null && memory.size(2) == byRow.size(2)
            ? memory
            : empty([some.size(0), some.size(1), byRow.size(2), seen + grid.Count], dtype: some.dtype, device: some.device);
        ops.SpreadOverGrid(byRow, byColumn, bias);
        return bias;
    }
}
