using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Vision;

/// <summary>Relative positions of rows and columns that are added to attention logits, computed from queries (SAM, <c>add_decomposed_rel_pos</c>).</summary>
public static class RelativePositions
{
    /// <summary>The vectors between all positions of an axis. A table of another length is resampled linearly.</summary>
    /// <param name="table"><c>[2 side - 1, head]</c>; borrowed.</param>
    /// <param name="queries">Positions of queries on the axis.</param>
    /// <param name="keys">Positions of keys on the axis.</param>
    /// <returns><c>[queries, keys, head]</c>; the caller disposes it.</returns>
    public static Tensor Vectors(Tensor table, int queries, int keys)
    {
        using DisposeScope scope = NewDisposeScope();
        int wanted = (2 * Math.Max(queries, keys)) - 1;
        Tensor fitted = table;
        if (table.size(0) != wanted)
        {
            Tensor channels = table.to_type(ScalarType.Float32).t().unsqueeze(0); // [length, head] -> [1, head, length]
            fitted = F.interpolate(channels, [wanted], mode: InterpolationMode.Linear, align_corners: false, antialias: false) // -> [1, head, wanted]
                .squeeze(0).t().to_type(table.dtype); // -> [wanted, head]
        }

        double stretchQuery = Math.Max((double)keys / queries, 1), stretchKey = Math.Max((double)queries / keys, 1);
        long[] index = new long[queries * keys];
        for (int i = 0; i < queries; i++)
        {
            for (int j = 0; j < keys; j++)
            {
                index[(i * keys) + j] = (long)((i * stretchQuery) - (j * stretchKey) + ((keys - 1) * stretchKey));
            }
        }

        Tensor rows = fitted.index_select(0, tensor(index, device: table.device)); // [wanted, head] -> [queries * keys, head]
        return rows.view(queries, keys, -1).MoveToOuterDisposeScope();
    }

    /// <summary>The bias on attention logits.</summary>
    /// <param name="queries">Queries before scaling <c>[batch, heads, N, head]</c>; borrowed.</param>
    /// <param name="rowTable">Relative positions of rows <c>[2 side - 1, head]</c>; borrowed.</param>
    /// <param name="columnTable">Relative positions of columns; borrowed.</param>
    /// <param name="positions">Row and column of each of the N queries, which are also the keys.</param>
    /// <param name="sides">Rows and columns of what the positions are counted in.</param>
    /// <returns><c>[batch, heads, N, N]</c>; the caller disposes it.</returns>
    public static Tensor Bias(
        Tensor queries, Tensor rowTable, Tensor columnTable, IReadOnlyList<(int Row, int Column)> positions, (int Rows, int Columns) sides)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor Axis(Tensor table, int side, long[] places)
        {
            Tensor at = tensor(places, device: queries.device);
            Tensor vectors = Vectors(table, side, side).index_select(0, at); // [side, side, head] -> [N, side, head]
            Tensor products = einsum("bhnc,nkc->bhnk", queries, vectors); // [B, heads, N, head] -> [B, heads, N, side]
            return products.index_select(3, at); // -> [B, heads, N, N]
        }

        Tensor rows = Axis(rowTable, sides.Rows, [.. positions.Select(position => (long)position.Row)]);
        Tensor columns = Axis(columnTable, sides.Columns, [.. positions.Select(position => (long)position.Column)]);
        return rows.add(columns).MoveToOuterDisposeScope();
    }
}
