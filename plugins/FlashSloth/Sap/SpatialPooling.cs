using Aperture.Decoding;
using Aperture.Sequences;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Plugins.FlashSloth.Sap;

/// <summary>
/// Spatial attention pooling (FlashSloth, section 3.2): every cell of p x p patches becomes the mean of its features, weighted by the softmax of a small
/// network's scores over the patches of that cell. Where p does not divide a side, the last cells have fewer patches. Owns its tensors.
/// </summary>
internal sealed class SpatialPooling : INamedWeights
{
    /// <summary>What stands before the names in a checkpoint.</summary>
    public const string Prefix = "model.pooling.";

    private const string First = "mlp.0", Second = "mlp.3"; // 1 is the activation, 2 the dropout
    private readonly Matrix _first; // [C, C]
    private readonly Matrix _second; // [1, C]

    /// <param name="first">Weight <c>[C, C]</c> and bias; owned.</param>
    /// <param name="second">Weight <c>[1, C]</c> and bias; owned.</param>
    public SpatialPooling(Matrix first, Matrix second) => (_first, _second) = (first, second);

    /// <summary>Channels of a patch, C.</summary>
    public int Channels => _first.Inputs;

    /// <summary>The names and shapes of the weights for a width.</summary>
    public static IReadOnlyList<(string Name, long[] Shape)> Shapes(int channels) =>
    [
        (Prefix + First + ".weight", [channels, channels]), (Prefix + First + ".bias", [channels]),
        (Prefix + Second + ".weight", [1, channels]), (Prefix + Second + ".bias", [1]),
    ];

    /// <summary>Loads the weights.</summary>
    /// <param name="source">A checkpoint, or parameters of a training.</param>
    /// <param name="policy">Where and in which type.</param>
    /// <exception cref="ApertureException">A tensor is missing or has another shape.</exception>
    public static SpatialPooling Load(IWeightSource source, WeightPolicy policy)
    {
        long[] shape = source.Describe(Prefix + First + ".weight").Shape;
        int channels = (int)shape[^1];
        WeightPolicy own = policy with { Storage = policy.Compute };
        Matrix first = own.Linear(source, Prefix + First, channels, channels, bias: true);
        try
        {
            return new SpatialPooling(first, own.Linear(source, Prefix + Second, 1, channels, bias: true));
        }
        catch
        {
            first.Dispose();
            throw;
        }
    }

    /// <summary>Cells of a grid.</summary>
    public static VisualGrid Cells(VisualGrid grid, int pool) => new((grid.Rows + pool - 1) / pool, (grid.Columns + pool - 1) / pool);

    /// <summary>Multiply-accumulates of pooling some patches: <c>N (C² + C)</c>.</summary>
    public long Macs(int patches) => patches * (_first.RowMacs + _second.RowMacs);

    /// <summary>Scores patches.</summary>
    /// <param name="features">Patches <c>[…, C]</c>; borrowed.</param>
    /// <param name="dropout">Acts on the hidden values, in training; null for none.</param>
    /// <returns><c>[…, 1]</c>; the caller disposes it.</returns>
    public Tensor Score(Tensor features, SeededDropout? dropout = null)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor hidden = F.relu(_first.Apply(features)); // […, C] -> […, C]
        return _second.Apply(dropout?.Run(hidden) ?? hidden).MoveToOuterDisposeScope(); // […, C] -> […, 1]
    }

    /// <summary>Pools tiles.</summary>
    /// <param name="features">Patches of tiles of one grid, row by row, <c>[B, N, C]</c>; borrowed.</param>
    /// <param name="grid">The grid.</param>
    /// <param name="pool">Side of a cell in patches, p.</param>
    /// <param name="dropout">In training; null for none.</param>
    /// <returns>Cells <c>[B, V, C]</c>, row by row, and each patch's weight in its cell, <c>[B, N]</c>; the caller disposes both.</returns>
    public (Tensor Cells, Tensor Weights) Pool(Tensor features, VisualGrid grid, int pool, SeededDropout? dropout = null)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor scores = Score(features, dropout); // [B, N, C] -> [B, N, 1]
        Tensor members = ByCell(features, grid, pool, 0); // [B, N, C] -> [B, V, p², C]
        Tensor weights = F.softmax(ByCell(scores, grid, pool, double.NegativeInfinity), 2); // [B, N, 1] -> [B, V, p², 1]
        Tensor cells = weights.transpose(2, 3).matmul(members).squeeze(2); // [B, V, 1, p²] x [B, V, p², C] -> [B, V, C]
        return (cells.MoveToOuterDisposeScope(), ByPatch(weights, grid, pool).MoveToOuterDisposeScope());
    }

    /// <summary>The ablation of the paper: plain means of whole cells; patches beyond the last whole cell are left out.</summary>
    /// <param name="features">Patches <c>[B, N, C]</c>; borrowed.</param>
    /// <param name="grid">The grid.</param>
    /// <param name="pool">Side of a cell in patches.</param>
    /// <returns>Cells <c>[B, V, C]</c>; the caller disposes them.</returns>
    public static Tensor Average(Tensor features, VisualGrid grid, int pool)
    {
        using DisposeScope scope = NewDisposeScope();
        int rows = grid.Rows / pool, columns = grid.Columns / pool;
        Tensor map = features.view(features.size(0), grid.Rows, grid.Columns, features.size(2)); // [B, N, C] -> [B, rows, columns, C]
        Tensor whole = map.narrow(1, 0, rows * pool).narrow(2, 0, columns * pool);
        return whole.reshape(features.size(0), rows, pool, columns, pool, features.size(2)).mean([2, 4]) // -> [B, rows / p, columns / p, C]
            .flatten(1, 2)
            .MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public IEnumerable<(string Name, Tensor Tensor)> Named => [.. _first.Named(Prefix + First), .. _second.Named(Prefix + Second)];

    public void Dispose()
    {
        _first.Dispose();
        _second.Dispose();
    }

    // [B, N, c] -> [B, V, p², c]; what lies beyond the grid is filled.
    private static Tensor ByCell(Tensor patches, VisualGrid grid, int pool, double fill)
    {
        VisualGrid cells = Cells(grid, pool);
        long batch = patches.size(0), width = patches.size(2);
        Tensor map = patches.view(batch, grid.Rows, grid.Columns, width);
        int below = (cells.Rows * pool) - grid.Rows, right = (cells.Columns * pool) - grid.Columns;
        if (below > 0 || right > 0)
        {
            map = F.pad(map, [0, 0, 0, right, 0, below], PaddingModes.Constant, fill); // [B, rows, columns, c] -> [B, cells p, cells p, c]
        }

        return map.view(batch, cells.Rows, pool, cells.Columns, pool, width).permute(0, 1, 3, 2, 4, 5) // -> [B, rows, columns, p, p, c]
            .reshape(batch, cells.Count, pool * pool, width);
    }

    // [B, V, p², 1] -> [B, N]
    private static Tensor ByPatch(Tensor weights, VisualGrid grid, int pool)
    {
        VisualGrid cells = Cells(grid, pool);
        return weights.view(weights.size(0), cells.Rows, cells.Columns, pool, pool).permute(0, 1, 3, 2, 4)
            .reshape(weights.size(0), cells.Rows * pool, cells.Columns * pool)
            .narrow(1, 0, grid.Rows)
            .narrow(2, 0, grid.Columns)
            .flatten(1);
    }
}
