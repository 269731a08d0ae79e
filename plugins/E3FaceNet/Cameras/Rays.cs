using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.E3FaceNet.Cameras;

/// <summary>Rays from cameras through pixels, in rows. Owns its tensors.</summary>
/// <param name="Origin">Where they begin, <c>[B, 1, 3]</c>.</param>
/// <param name="Direction">Where they lead, not of unit length, <c>[B, N, 3]</c>.</param>
/// <param name="Rows">Rows that rays are counted in; N is a multiple.</param>
internal sealed record Rays(Tensor Origin, Tensor Direction, int Rows) : IDisposable
{
    /// <summary>Cameras.</summary>
    public int Batch => (int)Direction.size(0);

    /// <summary>Rays of a camera.</summary>
    public int Count => (int)Direction.size(1);

    /// <summary>Rays of a row.</summary>
    public int Columns => Count / Rows;

    /// <summary>The rays of cameras through pixels.</summary>
    /// <param name="pixels"><c>[N, 2]</c> or <c>[B, N, 2]</c>; borrowed.</param>
    /// <param name="world">The cameras' matrices, <c>[B, 4, 4]</c>; borrowed.</param>
    /// <param name="halfSide">Half the picture's side at distance 1.</param>
    /// <returns>The rays; the caller disposes them.</returns>
    public static Rays Through(Tensor pixels, Tensor world, double halfSide)
    {
        // In the published order, through points at distance 1: the encoding of points multiplies what would be rounded otherwise by a thousand.
        using DisposeScope scope = NewDisposeScope();
        Tensor places = pixels.dim() == 2 ? pixels.unsqueeze(0).expand(world.size(0), -1, -1) : pixels;
        Tensor columns = places.transpose(1, 2), one = ones_like(columns.narrow(1, 0, 1)); // [B, 2, N], [B, 1, N]
        Tensor flat = diag(tensor([(float)halfSide, (float)halfSide, 1, 1], device: world.device));
        Tensor matrix = world.matmul(flat); // [B, 4, 4]
        Tensor points = matrix.matmul(cat([columns, one.neg(), one], 1)); // -> [B, 4, N]
        Tensor origin = world.narrow(1, 0, 3).select(2, 3).unsqueeze(1).clone(); // [B, 4, 4] -> [B, 1, 3]
        Tensor direction = points.narrow(1, 0, 3).transpose(1, 2).sub(origin); // -> [B, N, 3]
        return new Rays(origin.MoveToOuterDisposeScope(), direction.MoveToOuterDisposeScope(), RowsOf((int)direction.size(1)));
    }

    /// <summary>
    /// In how many rows so many rays are counted: the largest divisor up to the root. Features are normalised along rows, so that this is part of the model.
    /// </summary>
    public static int RowsOf(int rays)
    {
        for (int rows = (int)Math.Sqrt(rays); ; rows--)
        {
            if (rays % rows == 0)
            {
                return rows;
            }
        }
    }

    /// <summary>Some of the rows.</summary>
    /// <param name="first">The first.</param>
    /// <param name="count">How many.</param>
    /// <returns>Views; the caller disposes them.</returns>
    public Rays Slice(int first, int count)
        => new(Origin.alias(), Direction.narrow(1, first * Columns, count * Columns), count);

    /// <summary>Disposes the tensors.</summary>
    public void Dispose()
    {
        Origin.Dispose();
        Direction.Dispose();
    }
}
