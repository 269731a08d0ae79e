using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Diffusion;

/// <summary>
/// Attention maps over several passes of a UNet: for each attention and place the mean of all passes that saw the place, or of the last one alone. A pass may
/// see a part of the map. Owns its tensors.
/// </summary>
/// <param name="height">Rows of the whole map.</param>
/// <param name="width">Columns of the whole map.</param>
/// <param name="running">Whether the mean is over all passes; else a later pass replaces what an earlier one saw.</param>
public sealed class AttentionAverage(int height, int width, bool running = true) : IDisposable
{
    private readonly SortedDictionary<int, Tensor> _sums = []; // by attention: [samples * heads, H, W, K]
    private readonly Tensor _passes = zeros([height, width, 1], dtype: ScalarType.Float32).DetachFromDisposeScope();

    /// <summary>How many attentions were added.</summary>
    public int Attentions => _sums.Count;

    /// <summary>Begins a pass over a part of the map.</summary>
    /// <param name="top">First row that it sees.</param>
    /// <param name="left">First column that it sees.</param>
    /// <param name="rows">Rows that it sees.</param>
    /// <param name="columns">Columns that it sees.</param>
    public void BeginPass(int top, int left, int rows, int columns)
    {
        using Tensor seen = Part(_passes, 0, top, left, rows, columns);
        if (running)
        {
            seen.add_(1);
        }
        else
        {
            seen.fill_(1);
        }
    }

    /// <summary>Adds an attention's probabilities of the pass.</summary>
    /// <param name="attention">The attention's number.</param>
    /// <param name="probabilities">float32 <c>[samples * heads, rows * columns, K]</c> of the part that the pass sees; borrowed.</param>
    /// <param name="top">First row of the part.</param>
    /// <param name="left">First column of the part.</param>
    /// <param name="rows">Rows of the part.</param>
    /// <param name="columns">Columns of the part.</param>
    public void Add(int attention, Tensor probabilities, int top, int left, int rows, int columns)
    {
        using Tensor grid = probabilities.unflatten(1, [rows, columns]); // [S, rows * columns, K] -> [S, rows, columns, K]
        if (!_sums.TryGetValue(attention, out Tensor? sum))
        {
            sum = zeros([grid.size(0), height, width, grid.size(-1)], dtype: ScalarType.Float32, device: grid.device).DetachFromDisposeScope();
            _sums.Add(attention, sum);
        }

        using Tensor part = Part(sum, 1, top, left, rows, columns);
        if (running)
        {
            part.add_(grid);
        }
        else
        {
            part.copy_(grid);
        }
    }

    /// <summary>The mean of one attention, sample by sample and head by head.</summary>
    /// <param name="attention">The attention's number.</param>
    /// <returns><c>[samples * heads, H W, K]</c>; the caller disposes it.</returns>
    public Tensor Of(int attention)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor sum = _sums[attention];
        return sum.div(_passes.to(sum.device)).flatten(1, 2).MoveToOuterDisposeScope();
    }

    /// <summary>The mean over all attentions, samples and heads.</summary>
    /// <returns>On the CPU, <c>[H, W, K]</c>; the caller disposes it.</returns>
    /// <exception cref="InvalidOperationException">Nothing was added.</exception>
    public Tensor Mean()
    {
        if (_sums.Count == 0)
        {
            throw new InvalidOperationException("No attention was added.");
        }

        using DisposeScope scope = NewDisposeScope();
        Tensor[] parts = [.. _sums.Values.Select(sum => sum.div(_passes.to(sum.device)))]; // [S, H, W, K]
        return cat(parts, 0).mean([0]).cpu().MoveToOuterDisposeScope(); // -> [H, W, K]
    }

    /// <summary>Disposes the tensors.</summary>
    public void Dispose()
    {
        _passes.Dispose();
        foreach (Tensor sum in _sums.Values)
        {
            sum.Dispose();
        }
    }

    private static Tensor Part(Tensor whole, int dimension, int top, int left, int rows, int columns)
    {
        using Tensor band = whole.narrow(dimension, top, rows);
        return band.narrow(dimension + 1, left, columns);
    }
}
