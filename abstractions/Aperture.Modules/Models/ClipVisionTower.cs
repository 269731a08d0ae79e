using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Models;

/// <summary>
/// A CLIP vision transformer: patches, class token, positions, pre-norm, blocks. Hidden state 0 is the input of the first block, after the pre-norm;
/// state i is the output of block i - 1. Owns its weights.
/// </summary>
public sealed class ClipVisionTower : IDisposable
{
    private readonly Ops _ops;

    /// <summary>A tower over loaded weights.</summary>
    /// <param name="config">Sizes.</param>
    /// <param name="weights">Weights; owned by the tower.</param>
    /// <param name="ops">Operations; borrowed.</param>
    public ClipVisionTower(ClipVisionConfig config, ClipVisionWeights weights, Ops ops) => (Config, Weights, _ops) = (config, weights, ops);

    /// <summary>Sizes.</summary>
    public ClipVisionConfig Config { get; }

    /// <summary>The weights.</summary>
    public ClipVisionWeights Weights { get; }

    /// <summary>Multiply-accumulates of one picture of the tower's own size through the blocks that are loaded.</summary>
    public long Macs
    {
        get
        {
            long patches = (long)Config.Grid * Config.Grid, n = patches + 1, d = Config.HiddenSize, m = Config.IntermediateSize;
            long block = (4 * n * d * d) + (2 * n * n * d) + (2 * n * d * m);
            return (Weights.Blocks.Count * block) + (patches * 3 * Config.PatchSize * Config.PatchSize * d);
        }
    }

    /// <summary>The same tower with gradients: shares weights; do not dispose it.</summary>
    public ClipVisionTower ForTraining() => new(Config, Weights, _ops.ForTraining());

    /// <summary>Runs the tower and hands out hidden states.</summary>
    /// <param name="pixels">Normalised pixels <c>[batch, 3, height, width]</c>; borrowed, cast to the type computed in.</param>
    /// <param name="states">Which hidden states to hand out, 0 to the number of loaded blocks; nothing behind the last of them runs.</param>
    /// <param name="hooks">Callbacks inside the tower; null for none.</param>
    /// <param name="cancellationToken">Checked between blocks.</param>
    /// <returns>By state: rows <c>[batch, 1 + patches, C]</c>, the class token first; the caller disposes them.</returns>
    public IReadOnlyDictionary<int, Tensor> Run(Tensor pixels, IReadOnlySet<int> states, VisionTrunkHooks? hooks, CancellationToken cancellationToken)
    {
        Dictionary<int, Tensor> taken = [];
        int last = states.Count == 0 ? Weights.Blocks.Count : states.Max();
        last = Math.Min(last, hooks?.StopAfterBlocks ?? last);
        int prefix = hooks?.PrefixRows is { } rows ? (int)rows.size(1) : 0;
        Tensor embedded = Replace(Embed(pixels, hooks), hooks?.AfterEmbedding);
        Tensor x = Weights.PreNorm.Run(embedded, Config.NormEpsilon);
        embedded.Dispose();
        (int Rows, int Columns) grid = ((int)pixels.size(2) / Config.PatchSize, (int)pixels.size(3) / Config.PatchSize);
        try
        {
            for (int block = 0; block <= last; block++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (states.Contains(block))
                {
                    // A copy where the next block works in place on the rows.
                    using Tensor view = prefix == 0 ? x.alias() : x.narrow(1, prefix, x.size(1) - prefix);
                    taken[block] = block < last && !_ops.Differentiable ? view.clone() : view.alias();
                }

                if (block < last)
                {
                    x = Block(x, block, hooks, prefix, grid);
                }
            }
        }
        catch
        {
            foreach (Tensor state in taken.Values)
            {
                state.Dispose();
            }

            throw;
        }
        finally
        {
            x.Dispose();
        }

        return taken;
    }

    /// <summary>The class token's row after the norm behind the last block (CLIP's <c>pooler_output</c>).</summary>
    /// <param name="lastState">The last hidden state; borrowed.</param>
    /// <returns><c>[batch, C]</c>; the caller disposes it.</returns>
    public Tensor Pool(Tensor lastState)
    {
        using Tensor row = lastState.select(1, 0);
        return (Weights.PostNorm ?? throw new InvalidOperationException("The tower was loaded without its last norm.")).Run(row, Config.NormEpsilon);
    }

    /// <summary>The position table for a grid: the table itself, or resampled (bicubic, corners not aligned, no antialiasing) where the grid differs.</summary>
    /// <param name="gridRows">Patch rows.</param>
    /// <param name="gridColumns">Patch columns.</param>
    /// <returns><c>[1 + patches, C]</c>; the caller disposes it.</returns>
    public Tensor PositionsFor(int gridRows, int gridColumns)
        => ResamplePositions(Weights.Positions, gridRows, gridColumns);

    /// <summary>A position table for another grid: the table itself where the grid is its own.</summary>
    /// <param name="table"><c>[1 + grid², C]</c>, the class token's row first; borrowed.</param>
    /// <param name="gridRows">Patch rows.</param>
    /// <param name="gridColumns">Patch columns.</param>
    /// <returns><c>[1 + patches, C]</c>; the caller disposes it.</returns>
    public static Tensor ResamplePositions(Tensor table, int gridRows, int gridColumns)
    {
        long grid = (long)Math.Round(Math.Sqrt(table.size(0) - 1)), c = table.size(1);
        if (gridRows == grid && gridColumns == grid)
        {
            return table.alias();
        }

        using DisposeScope scope = NewDisposeScope();
        Tensor patches = table.narrow(0, 1, grid * grid).to_type(ScalarType.Float32).view(1, grid, grid, c).permute(0, 3, 1, 2);
        Tensor resampled = F.interpolate(patches, [gridRows, gridColumns], mode: InterpolationMode.Bicubic, align_corners: false);
        Tensor rows = resampled.permute(0, 2, 3, 1).reshape(gridRows * gridColumns, c).to_type(table.dtype);
        return cat([table.narrow(0, 0, 1), rows], 0).MoveToOuterDisposeScope();
    }

    /// <summary>Disposes the weights.</summary>
    public void Dispose() => Weights.Dispose();

    private static Tensor Replace(Tensor x, Func<Tensor, Tensor?>? hook)
    {
        if (hook?.Invoke(x) is not { } replacement)
        {
            return x;
        }

        x.Dispose();
        return replacement;
    }

    private Tensor Embed(Tensor pixels, VisionTrunkHooks? hooks)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor input = pixels.to(_ops.Type, _ops.Device);
        long batch = input.size(0);
        Tensor patches = F.conv2d(input, Weights.PatchEmbedding, strides: [Config.PatchSize, Config.PatchSize]); // [B, C, rows, columns]
        Tensor rows = patches.flatten(2).transpose(1, 2); // [B, patches, C]
        Tensor classes = Weights.ClassEmbedding.view(1, 1, -1).expand(batch, 1, -1);
        using Tensor positions = PositionsFor((int)patches.size(2), (int)patches.size(3));
        Tensor x = cat([classes, rows], 1).add(positions);
        x = hooks?.PrefixRows is { } prefix ? cat([prefix, x], 1) : x;
        return x.MoveToOuterDisposeScope();
    }

    private Tensor Block(Tensor x, int block, VisionTrunkHooks? hooks, int prefix, (int Rows, int Columns) grid)
    {
        ClipBlockWeights weights = Weights.Blocks[block];
        x = Replace(x, hooks?.BeforeBlock is { } before ? rows => before(block, rows) : null);
        Tensor n = weights.Norm1.Run(x, Config.NormEpsilon);
        n = Replace(n, hooks?.BeforeAttention is { } transform ? rows => transform(block, rows) : null);
        x = _ops.AddResidual(x, Attend(n, weights, block, hooks, prefix, grid));
        Tensor hidden;
        using (Tensor n2 = weights.Norm2.Run(x, Config.NormEpsilon))
        {
            hidden = F.linear(n2, weights.Up.Weight, weights.Up.Bias);
        }

        using Tensor activated = Activations.Run(Config.Activation, hidden, inPlace: !_ops.Differentiable);
        if (!ReferenceEquals(activated, hidden))
        {
            hidden.Dispose();
        }

        x = _ops.AddResidual(x, F.linear(activated, weights.Down.Weight, weights.Down.Bias));
        return Replace(x, hooks?.AfterBlock is { } after ? rows => after(block, rows) : null);
    }

    private Tensor Attend(Tensor n, ClipBlockWeights weights, int block, VisionTrunkHooks? hooks, int prefix, (int Rows, int Columns) grid)
    {
        using DisposeScope scope = NewDisposeScope();
        long batch = n.size(0), tokens = n.size(1), head = Config.HiddenSize / Config.Heads;
        Tensor Heads(LinearWeights linear) => F.linear(n, linear.Weight, linear.Bias).view(batch, tokens, Config.Heads, head).transpose(1, 2);
        (Tensor q, Tensor k, Tensor v) = (Heads(weights.Query), Heads(weights.Key), Heads(weights.Value));
        Tensor? bias = hooks?.AttentionBias?.Invoke(block, q);
        if (hooks?.WindowOfBlock?.Invoke(block) is { } side and > 0)
        {
            Tensor scope2 = WindowMask((int)tokens, prefix + 1, grid, side).to(_ops.Device);
            bias = bias is null ? scope2.to_type(_ops.Type) : bias.add(scope2.to_type(_ops.Type));
        }

        Tensor attended = F.scaled_dot_product_attention(q, k, v, bias, 0, is_casual: false);
        Tensor merged = attended.transpose(1, 2).reshape(batch, tokens, Config.HiddenSize);
        Tensor output = F.linear(merged, weights.Output.Weight, weights.Output.Bias).MoveToOuterDisposeScope();
        n.Dispose();
        return output;
    }

    // 0 where two patches share a window (rows in front of the grid belong to every window), minus infinity elsewhere.
    private static Tensor WindowMask(int tokens, int front, (int Rows, int Columns) grid, int side)
    {
        float[] mask = new float[tokens * tokens];
        int windowColumns = (grid.Columns + side - 1) / side;
        int Window(int token)
        {
            int patch = token - front;
            return (patch / grid.Columns / side * windowColumns) + (patch % grid.Columns / side);
        }

        for (int i = front; i < tokens; i++)
        {
            for (int j = front; j < tokens; j++)
            {
                mask[(i * tokens) + j] = Window(i) == Window(j) ? 0 : float.NegativeInfinity;
            }
        }

        return tensor(mask, [tokens, tokens]);
    }
}
