using Aperture.Sequences;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Vision;

/// <summary>Learned tables of absolute positions, made to fit a grid.</summary>
public static class PositionTable
{
    /// <summary>A table for a grid: the table itself where the grid is its own, else resampled in float32 and rounded to the table's type.</summary>
    /// <param name="table"><c>[front + side², C]</c>, borrowed.</param>
    /// <param name="front">Rows in front of the grid's, such as the class token's; they stay as they are.</param>
    /// <param name="grid">The grid wanted.</param>
    /// <param name="resampling">How it is resampled.</param>
    /// <returns><c>[front + grid places, C]</c>; the caller disposes it.</returns>
    public static Tensor Resample(Tensor table, int front, VisualGrid grid, PositionResampling resampling)
    {
        long side = (long)Math.Round(Math.Sqrt(table.size(0) - front)), c = table.size(1);
        if (grid.Rows == side && grid.Columns == side)
        {
            return table.alias();
        }

        using DisposeScope scope = NewDisposeScope();
        Tensor places = table.narrow(0, front, side * side).to_type(ScalarType.Float32).view(1, side, side, c).permute(0, 3, 1, 2); // [1, C, side, side]
        Tensor resampled = F.interpolate(
            places,
            [grid.Rows, grid.Columns], // [1, C, side, side] -> [1, C, rows, columns]
            mode: InterpolationMode.Bicubic,
            align_corners: false,
            antialias: resampling == PositionResampling.BicubicAntialiased);
        Tensor rows = resampled.permute(0, 2, 3, 1).reshape(grid.Count, c).to_type(table.dtype); // [1, C, rows, columns] -> [places, C]
        return (front == 0 ? rows : cat([table.narrow(0, 0, front), rows], 0)).MoveToOuterDisposeScope();
    }
}
