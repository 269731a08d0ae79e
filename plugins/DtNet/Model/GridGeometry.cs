using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.DtNet.Model;

/// <summary>
/// What depends on the grid alone: sinusoids of rows and columns that are added to the vectors, and sinusoids of the distances between cells from which
/// each head draws a bias. All in float32 and in the order of the official code: the sinusoids' arguments are large, and another order gives other values.
/// </summary>
internal static class GridGeometry
{
    /// <summary>Channels of the embedding of two cells' distances.</summary>
    public const int Channels = 64;

    private const int Waves = Channels / 8;
    private const double Longest = 10000, LongestDistance = 1000, Scale = 100, BoxSize = 2, Nearest = 1e-3;

    /// <summary>
    /// What is added to the grid vectors: one after the other, because a vector that they make exactly zero is masked, and sums in another order round
    /// otherwise.
    /// </summary>
    /// <param name="grid">Cells along a side.</param>
    /// <param name="channels">Channels of a vector.</param>
    /// <returns>Those of the column and those of the row, <c>[cells, channels]</c> each, cells row by row; the caller disposes them.</returns>
    public static (Tensor Column, Tensor Row) Positions(int grid, int channels)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor rates = arange(0, channels, 2, ScalarType.Float32).mul((float)-(Math.Log(Longest) / channels)).exp();
        Tensor angles = arange(grid, ScalarType.Float32).unsqueeze(1).mul(rates); // [grid, channels / 2]
        Tensor waves = stack([angles.sin(), angles.cos()], -1).flatten(1).narrow(1, 0, channels); // [grid, channels], sine and cosine in turn
        return (waves.repeat(grid, 1).MoveToOuterDisposeScope(), waves.repeat_interleave(grid, dim: 0).MoveToOuterDisposeScope());
    }

    /// <summary>Sinusoids of the distances between every two cells.</summary>
    /// <param name="grid">Cells along a side.</param>
    /// <returns><c>[cells, cells, 64]</c>; the caller disposes it.</returns>
    public static Tensor Distances(int grid)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor places = arange(grid, ScalarType.Float32);
        Tensor rows = places.repeat_interleave(grid), columns = places.repeat(grid); // [cells]
        Tensor none = zeros(grid * grid, grid * grid);
        Tensor distances = stack([Distance(rows), Distance(columns), none, none], -1).unsqueeze(-1).mul((float)Scale); // [cells, cells, 4, 1]
        Tensor waves = full(Waves, LongestDistance, dtype: ScalarType.Float32).pow(arange(Waves, ScalarType.Float32).div(Waves)).reciprocal();
        Tensor angles = distances.mul(waves).flatten(2); // [cells, cells, 4, 8] -> [cells, cells, 32]
        return cat([angles.sin(), angles.cos()], -1).MoveToOuterDisposeScope();
    }

    // The logarithm of the distance between centres over the size of a cell's box.
    private static Tensor Distance(Tensor centres)
        => centres.unsqueeze(1).sub(centres.unsqueeze(0)).div((float)BoxSize).abs().clamp(min: Nearest).log(); // [cells] -> [cells, cells]
}
