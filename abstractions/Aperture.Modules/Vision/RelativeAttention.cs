using Aperture.Decoding;
using Aperture.Sequences;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Vision;

/// <summary>
/// Attention over a whole grid with relative positions from queries. The bias of all queries with all keys is never in memory: the managed kernel adds it as it
/// goes, and for libtorch's it is made for some queries at a time. What is needed grows with the number of places, not with its square.
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
        int front = (int)q.size(2) - grid.Count;
        Tensor rowVectors = RelativePositions.Vectors(rowTable, grid.Rows, grid.Rows); // [rows, rows, head]
        Tensor columnVectors = RelativePositions.Vectors(columnTable, grid.Columns, grid.Columns); // [columns, columns, head]
        Tensor asking = q.narrow(2, front, grid.Count), places = asking.unflatten(2, [grid.Rows, grid.Columns]); // -> [B, heads, rows, columns, head]
        Tensor byRow = einsum("bhyxc,ykc->bhyxk", places, rowVectors).flatten(2, 3); // -> [B, heads, places, rows of keys]
        Tensor byColumn = einsum("bhyxc,xkc->bhyxk", places, columnVectors).flatten(2, 3); // -> [B, heads, places, columns of keys]
        List<Tensor> parts = front == 0 ? [] : [ops.Attend(q.narrow(2, 0, front), k, v)];
        if (ops.AttendOverGrid(asking, k, v, byRow, byColumn) is { } attended)
        {
            parts.Add(attended);
        }
        else
        {
            AddInParts(parts, asking, k, v, byRow, byColumn);
        }

        return (parts.Count == 1 ? parts[0] : cat(parts, 2)).MoveToOuterDisposeScope();
    }

    private void AddInParts(List<Tensor> parts, Tensor asking, Tensor k, Tensor v, Tensor byRow, Tensor byColumn)
    {
        int step = grid.Columns * (int)Math.Clamp(LargestBias / (asking.size(0) * asking.size(1) * grid.Columns * k.size(2)), 1, grid.Rows);
        Tensor? bias = null; // one after the other in the same memory
        for (int first = 0; first < grid.Count; first += step)
        {
            int count = Math.Min(step, grid.Count - first);
            Tensor Some(Tensor all) => all.narrow(2, first, count);
            using DisposeScope part = NewDisposeScope();
            bias = Bias(Some(byRow), Some(byColumn), (int)k.size(2) - grid.Count, bias);
            parts.Add(ops.Attend(Some(asking), k, v, bias).MoveToOuterDisposeScope());
            bias.MoveToOuterDisposeScope();
        }
    }

    // What n queries add to all keys: [B, heads, n, rows] and [B, heads, n, columns] -> [B, heads, n, seen + places]
    private Tensor Bias(Tensor byRow, Tensor byColumn, int seen, Tensor? memory)
    {
        if (ops.Differentiable)
        {
            Tensor sum = byRow.unsqueeze(-1).add(byColumn.unsqueeze(-2)).flatten(3); // -> [B, heads, n, places]
            return seen == 0 ? sum : F.pad(sum, [seen, 0]);
        }

        Tensor bias = memory is not null && memory.size(2) == byRow.size(2)
            ? memory
            : empty([byRow.size(0), byRow.size(1), byRow.size(2), seen + grid.Count], dtype: byRow.dtype, device: byRow.device);
        ops.SpreadOverGrid(byRow, byColumn, bias);
        return bias;
    }
}
