using Aperture.Decoding;
using Aperture.Kernels;
using Aperture.Models;
using Aperture.Sequences;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Vision;

/// <summary>
/// A vision transformer: patches, class token, positions, norm, blocks. Hidden state 0 is the input of the first block, behind the norm before it; state i is
/// the output
/// of block i - 1. Owns its weights.
/// </summary>
public sealed class VisionTransformer : IDisposable
{
    private readonly Ops _ops;

    /// <summary>A transformer over loaded weights.</summary>
    /// <param name="config">Sizes and options.</param>
    /// <param name="weights">Weights; owned by the transformer.</param>
    /// <param name="ops">Operations; borrowed.</param>
    public VisionTransformer(VisionTransformerConfig config, VisionTransformerWeights weights, Ops ops) => (Config, Weights, _ops) = (config, weights, ops);

    /// <summary>Sizes and options.</summary>
    public VisionTransformerConfig Config { get; }

    /// <summary>The weights.</summary>
    public VisionTransformerWeights Weights { get; }

    /// <summary>Runs pixels.</summary>
    /// <param name="pixels">
    /// Normalised pixels <c>[batch, 3, height, width]</c>; borrowed, cast to the type computed in. What is over a multiple of a patch is not read.
    /// </param>
    /// <param name="request">Hidden states to hand out (none asks for the last), callbacks, gradients. Nothing behind the last state asked for runs.</param>
    /// <param name="cancellationToken">Checked between blocks.</param>
    /// <returns>The hidden states; the caller disposes them.</returns>
    /// <exception cref="ApertureException">A state is asked for that does not exist, or a callback breaks its contract.</exception>
    public VisionRun Run(Tensor pixels, VisionRequest request, CancellationToken cancellationToken) => Run(pixels, request, null, cancellationToken);

    /// <summary>Runs pixels as a part of a larger encoder, which acts between blocks itself.</summary>
    /// <param name="pixels">As for the other overload.</param>
    /// <param name="request">As for the other overload. Its callbacks come behind the encoder's own.</param>
    /// <param name="ownAfterBlock">
    /// The encoder's own callback after a block, with the contract of <see cref="VisionTrunkHooks.AfterBlock"/>; what it gives is the block's output. Null for
    /// none.
    /// </param>
    /// <param name="cancellationToken">Checked between blocks.</param>
    /// <returns>The hidden states; the caller disposes them.</returns>
    /// <exception cref="ApertureException">A state is asked for that does not exist, or a callback breaks its contract.</exception>
    public VisionRun Run(Tensor pixels, VisionRequest request, Func<IVisionContext, Tensor, Tensor?>? ownAfterBlock, CancellationToken cancellationToken)
    {
        using DisposeScope scope = NewDisposeScope();
        (Tensor patches, VisualGrid grid) = EmbedPixels(pixels);
        return RunBlocks(patches, grid, null, request, ownAfterBlock, null, cancellationToken).MoveToOuterDisposeScope();
    }

    /// <summary>The patch embedding of pixels, for a run of embedded patches.</summary>
    /// <param name="pixels">As for <see cref="Run(Tensor, VisionRequest, CancellationToken)"/>.</param>
    /// <returns><c>[batch, patches, C]</c> and their grid; the caller disposes the tensor.</returns>
    public (Tensor Patches, VisualGrid Grid) EmbedPixels(Tensor pixels)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor kernel = Weights.Patches ?? throw new InvalidOperationException("This transformer takes flattened patches.");
        Tensor input = pixels.to(_ops.Type, _ops.Device);
        int side = Config.PatchSize;
        Tensor map = Convolutions.Run(input, kernel, Weights.PatchBias, side); // [B, 3, height, width] -> [B, C, rows, columns]
        Tensor patches = map.flatten(2).transpose(1, 2); // [B, C, rows, columns] -> [B, patches, C]
        return (patches.MoveToOuterDisposeScope(), new VisualGrid((int)map.size(2), (int)map.size(3)));
    }

    /// <summary>Runs embedded patches, while every block sees further rows that are not the picture's.</summary>
    /// <param name="patches">Rows without class token and positions <c>[batch, patches, C]</c>, as <see cref="EmbedPixels"/> gives them; borrowed.</param>
    /// <param name="grid">The grid that they fill.</param>
    /// <param name="request">Hidden states to hand out (none asks for the last), callbacks, gradients.</param>
    /// <param name="seen">What each block sees beside its rows, from <see cref="See"/>; borrowed. Empty for nothing.</param>
    /// <param name="cancellationToken">Checked between blocks.</param>
    /// <returns>The hidden states; the caller disposes them.</returns>
    /// <exception cref="ApertureException">A state is asked for that does not exist, or a callback breaks its contract.</exception>
    public VisionRun RunSeeing(
        Tensor patches, VisualGrid grid, VisionRequest request, IReadOnlyList<VisionSeenRows> seen, CancellationToken cancellationToken)
        => RunBlocks(patches, grid, null, request, null, seen.Count == 0 ? null : seen, cancellationToken);

    /// <summary>What a block's attention sees of rows that it does not run: their keys and values, behind the block's first norm.</summary>
    /// <param name="block">The block.</param>
    /// <param name="rows">Rows as the block would get them <c>[1 or batch, L, C]</c>; borrowed.</param>
    /// <returns>For that block of a run; the caller disposes it.</returns>
    public VisionSeenRows See(int block, Tensor rows)
    {
        using Tensor normed = Weights.Blocks[block].Norm1.Run(rows, Config.NormEpsilon, _ops);
        return new VisionAttention(Config, Weights.Blocks[block], _ops).See(normed);
    }

    /// <summary>The patch embedding of flattened patches (Qwen2-VL), for <see cref="RunPatches"/>.</summary>
    /// <param name="patches">
    /// Values in the order channel, frame, row, column: <c>[batch, patches, 3 frames patch²]</c>; borrowed, cast to the type computed in.
    /// </param>
    /// <returns><c>[batch, patches, C]</c>; the caller disposes it.</returns>
    public Tensor EmbedFlattened(Tensor patches)
    {
        using Tensor input = patches.to(_ops.Type, _ops.Device);
        return (Weights.FlatPatches ?? throw new InvalidOperationException("This transformer embeds pixels.")).Apply(input);
    }

    /// <summary>Runs embedded patches.</summary>
    /// <param name="patches">Rows without class token and positions <c>[batch, patches, C]</c>; borrowed.</param>
    /// <param name="grid">The grid they stand in.</param>
    /// <param name="places">The grid place of each; null for 0, 1, 2, … in order.</param>
    /// <param name="request">Hidden states to hand out (none asks for the last), callbacks, gradients.</param>
    /// <param name="cancellationToken">Checked between blocks.</param>
    /// <returns>The hidden states; the caller disposes them.</returns>
    /// <exception cref="ApertureException">A state is asked for that does not exist, or a callback breaks its contract.</exception>
    public VisionRun RunPatches(Tensor patches, VisualGrid grid, int[]? places, VisionRequest request, CancellationToken cancellationToken)
        => RunBlocks(patches, grid, places, request, null, null, cancellationToken);

    private VisionRun RunBlocks(
        Tensor patches, VisualGrid grid, int[]? places, VisionRequest request, Func<IVisionContext, Tensor, Tensor?>? ownAfterBlock,
        IReadOnlyList<VisionSeenRows>? seen, CancellationToken cancellationToken)
    {
        int last = LastBlock(request);
        if (request.Pictures is { } pictures && pictures.Count != patches.size(0))
        {
            throw new ArgumentException($"The request describes {pictures.Count} pictures for a batch of {patches.size(0)}.", nameof(request));
        }

        using DisposeScope scope = NewDisposeScope();
        Ops ops = request.Differentiable ? _ops.ForTraining() : _ops;
        VisionTrunkHooks? hooks = request.Hooks;
        VisionRows rows = new(grid, (int)(hooks?.PrefixRows?.size(1) ?? 0), Config.ClassToken, places);
        VisionContext context = new(rows, request, (int)patches.size(0), cancellationToken);
        Tensor x = Embed(patches, grid, places, hooks?.PrefixRows);
        x = context.Call(hooks?.AfterEmbedding, x, -1);
        if (Weights.PreNorm is { } norm)
        {
            using Tensor embedded = x;
            x = norm.Run(embedded, Config.NormEpsilon, ops);
        }

        Dictionary<int, VisionState> taken = [];
        long macs = VisionMacs.Embedding(Config, patches.size(1));
        for (int block = 0; block <= last; block++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (request.HiddenStates.Contains(block) || (block == last && request.HiddenStates.Count == 0))
            {
                taken[block] = Take(x, rows, copy: block < last && !ops.Differentiable);
            }

            if (block < last)
            {
                x = Block(x, block, context, hooks, seen?[block], ops, ref macs);
                x = context.Call(ownAfterBlock, x, block);
                x = context.Call(hooks?.AfterBlock, x, block);
            }
        }

        return new VisionRun(taken, last, macs).MoveToOuterDisposeScope();
    }

    /// <summary>Rows behind the norm after the last block.</summary>
    /// <param name="state">The last hidden state; borrowed.</param>
    /// <returns>Rows of the same shape; the caller disposes them.</returns>
    public Tensor PostNorm(Tensor state)
        => (Weights.PostNorm ?? throw new InvalidOperationException("The transformer was loaded without its last norm.")).Run(state, Config.NormEpsilon, _ops);

    /// <summary>The class token's row behind the norm after the last block (CLIP's <c>pooler_output</c>).</summary>
    /// <param name="state">The last hidden state; borrowed.</param>
    /// <returns><c>[batch, C]</c>; the caller disposes it.</returns>
    public Tensor Pool(Tensor state)
    {
        using Tensor row = state.select(1, 0); // [B, N, C] -> [B, C]
        return PostNorm(row);
    }

    /// <summary>The position table for a grid.</summary>
    /// <param name="grid">The grid.</param>
    /// <returns><c>[front + places, C]</c>, the class token's row first where the table has one; the caller disposes it.</returns>
    public Tensor PositionsFor(VisualGrid grid)
        => PositionTable.Resample(
            Weights.Positions ?? throw new InvalidOperationException("The transformer has no position table."),
            Config.Positions == VisionPositions.ClassAndGrid ? 1 : 0,
            grid,
            Config.Resampling);

    /// <summary>Multiply-accumulates of one picture through the loaded blocks, if no callback changes its rows.</summary>
    /// <param name="grid">Its grid of patches.</param>
    public long Macs(VisualGrid grid)
        => VisionMacs.Embedding(Config, grid.Count)
            + Enumerable.Range(0, Weights.Blocks.Count).Sum(block => VisionMacs.Block(Config, block, new VisionRows(grid, 0, Config.ClassToken, null)));

    /// <summary>Disposes the weights.</summary>
    public void Dispose() => Weights.Dispose();

    private int LastBlock(VisionRequest request)
    {
        int loaded = Weights.Blocks.Count, stop = Math.Min(request.StopAfterBlocks ?? loaded, loaded);
        if (stop < 0)
        {
            throw new ApertureException($"The vision encoder cannot stop after {stop} blocks; StopAfterBlocks is 0 to {loaded}.");
        }

        foreach (int state in request.HiddenStates)
        {
            if (state < 0 || state > stop)
            {
                string later = stop < loaded ? ", or stop later" : "";
                throw new ApertureException(
                    $"Hidden state {state} of the vision encoder was asked for, but it runs {stop} blocks; ask for 0 to {stop}{later}.");
            }
        }

        return request.HiddenStates.Count == 0 ? stop : request.HiddenStates.Max();
    }

    private Tensor Embed(Tensor patches, VisualGrid grid, int[]? places, Tensor? prefix)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = patches;
        if (Weights.ClassEmbedding is { } row)
        {
            x = cat([row.view(1, 1, -1).expand(patches.size(0), 1, -1), x], 1); // [B, patches, C] -> [B, 1 + patches, C]
        }

        if (Weights.Positions is not null)
        {
            Tensor table = PositionsFor(grid);
            long unused = Config.Positions == VisionPositions.ClassAndGrid && !Config.ClassToken ? 1 : 0;
            table = table.narrow(0, unused, table.size(0) - unused);
            table = places is null ? table : table.index_select(0, Order(places, Config.ClassToken ? 1 : 0, table.device));
            x = x.add(table);
        }

        x = prefix is null ? x : cat([prefix, x], 1); // [B, N, C] -> [B, prefix + N, C]
        return (ReferenceEquals(x, patches) ? x.clone() : x.contiguous()).MoveToOuterDisposeScope();
    }

    // The table's rows in the order of the patches, those in front first.
    private static Tensor Order(int[] places, int front, Device device)
        => tensor([.. Enumerable.Range(0, front).Select(row => (long)row), .. places.Select(place => (long)place + front)], device: device);

    private static VisionState Take(Tensor x, VisionRows rows, bool copy)
    {
        // A copy where the next block works in place on the rows.
        using Tensor view = rows.Prefix == 0 ? x.alias() : x.narrow(1, rows.Prefix, x.size(1) - rows.Prefix); // [B, prefix + N, C] -> [B, N, C]
        return new VisionState(copy ? view.clone() : view.alias(), rows.ClassToken, rows.InOrder ? null : rows.Places);
    }

    private Tensor Block(Tensor x, int block, VisionContext context, VisionTrunkHooks? hooks, VisionSeenRows? seen, Ops ops, ref long macs)
    {
        VisionBlockWeights weights = Weights.Blocks[block];
        x = context.Call(hooks?.BeforeBlock, x, block);
        Tensor normed = weights.Norm1.Run(x, Config.NormEpsilon, ops);
        (normed, x) = context.Call(hooks?.BeforeAttention, normed, x, block);
        macs += VisionMacs.Block(Config, block, context.Rows, seen?.Count ?? 0);
        Tensor attended = new VisionAttention(Config, weights, ops).Run(normed, block, context.Rows, seen);
        normed.Dispose();
        x = ops.AddResidual(x, Scaled(attended, weights.Scale1));
        return ops.AddResidual(x, Scaled(FeedForward(x, weights, ops), weights.Scale2));
    }

    private Tensor FeedForward(Tensor x, VisionBlockWeights weights, Ops ops)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor normed = weights.Norm2.Run(x, Config.NormEpsilon, ops);
        Tensor hidden = (weights.Gate ?? weights.Up).Apply(normed); // [B, N, C] -> [B, N, M]
        Tensor activated = Activations.Run(Config.Activation, hidden, inPlace: !ops.Differentiable);
        if (!ReferenceEquals(activated, hidden))
        {
            hidden.Dispose();
        }

        hidden = weights.Gate is null ? activated : activated.mul(weights.Up.Apply(normed));
        hidden = weights.FeedForwardNorm?.Run(hidden, Config.NormEpsilon, ops) ?? hidden;
        return weights.Down.Apply(hidden).MoveToOuterDisposeScope(); // [B, N, M] -> [B, N, C]
    }

    private static Tensor Scaled(Tensor x, Tensor? scale)
    {
        if (scale is null)
        {
            return x;
        }

        using Tensor added = x;
        return added.mul(scale);
    }
}
