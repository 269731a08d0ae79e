using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Plugins.LlavaHr;

/// <summary>Rows of a square map made to fit another square grid.</summary>
internal static class MapAlignment
{
    /// <summary>
    /// Resizes bilinearly with aligned corners to a finer grid, averages squares to a coarser one, and does nothing where the grids are equal.
    /// </summary>
    /// <param name="rows">The map's places row by row, <c>[batch, side², C]</c>; borrowed.</param>
    /// <param name="side">Places along a side.</param>
    /// <param name="grid">Places wanted along a side; a multiple or a divisor of <paramref name="side"/>.</param>
    /// <returns><c>[batch, grid², C]</c>; the caller disposes it.</returns>
    public static Tensor Fit(Tensor rows, int side, int grid)
    {
        if (side == grid)
        {
            return rows.alias();
        }

        using DisposeScope scope = NewDisposeScope();
        Tensor map = ToMap(rows, side); // [B, side², C] -> [B, C, side, side]
        int factor = side / grid;
        Tensor fitted = side < grid
            ? FeatureMaps.ResizeBilinear(map, grid, grid) // -> [B, C, grid, grid]
            : F.avg_pool2d(map, [factor, factor], [factor, factor]);
        return FeatureMaps.ToRows(fitted).MoveToOuterDisposeScope();
    }

    /// <summary>Rows as a map; a view.</summary>
    /// <param name="rows"><c>[batch, side², C]</c>; borrowed.</param>
    /// <param name="side">Places along a side.</param>
    /// <returns><c>[batch, C, side, side]</c>; the caller disposes it.</returns>
    public static Tensor ToMap(Tensor rows, int side)
    {
        using Tensor turned = rows.transpose(1, 2); // [B, side², C] -> [B, C, side²]
        return turned.unflatten(2, side, side); // -> [B, C, side, side]
    }
}
