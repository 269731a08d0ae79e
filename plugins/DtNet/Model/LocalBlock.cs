using Aperture.Decoding;
using Aperture.Kernels;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Plugins.DtNet.Model;

/// <summary>
/// The local cell's gate: two stages of a re-parameterisable block on the mean channel, each the sum of a 3x3 branch, a 1x1 branch and an identity branch,
/// with batch norms. As in the official code both stages share the first stage's identity norm, and the second's is in the file and never used.
/// </summary>
internal sealed class LocalBlock : IDisposable
{
    private readonly Stage _first, _second;
    private readonly BatchNorm _identity, _unused;
    private (Tensor Kernel, Tensor Map)[]? _folded;

    /// <summary>Loads the block.</summary>
    /// <param name="loader">Loads and owns the weights.</param>
    /// <param name="source">The checkpoint.</param>
    /// <param name="name">Published name with its dot: <c>….lp.repblock.</c>.</param>
    /// <param name="config">Constants.</param>
    public LocalBlock(WeightLoader loader, IWeightSource source, string name, CaptionConfig config)
    {
        _identity = new BatchNorm(loader, source, name + "brb_identity", config);
        _first = new Stage(loader, source, name, "", _identity, config);
        _second = new Stage(loader, source, name, "_2", _identity, config);
        _unused = new BatchNorm(loader, source, name + "brb_identity_2", config);
        Grid = config.Grid;
    }

    private int Grid { get; }

    /// <summary>What training changes besides parameters, by published name.</summary>
    public IEnumerable<(string Name, Tensor Tensor)> State => [.. _first.State, .. _second.State, .. _identity.State, .. _unused.State];

    /// <summary>Folds each stage into one convolution and one map, exactly, borders included. For inference.</summary>
    public void Fold()
    {
        using IDisposable quiet = no_grad();
        _folded ??= [_first.Folded(Grid), _second.Folded(Grid)];
    }

    /// <summary>Each position times one and its gate.</summary>
    /// <param name="x"><c>[B, N, d]</c>; borrowed.</param>
    /// <param name="training">How to train; null outside training.</param>
    /// <param name="gate">Gets the gate <c>[B, 1, grid, grid]</c>, borrowed; null for nobody.</param>
    /// <returns><c>[B, N, d]</c>, in the caller's dispose scope.</returns>
    public Tensor Gated(Tensor x, Regularisation? training, Action<Tensor>? gate)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor mean = x.mean([2L]).view(x.size(0), 1, Grid, Grid); // [B, N, d] -> [B, N] -> [B, 1, grid, grid]
        Tensor weights = Run(mean, training);
        gate?.Invoke(weights);
        return x.mul(weights.view(x.size(0), -1, 1).add(1)).MoveToOuterDisposeScope();
    }

    /// <summary>The gate of each position.</summary>
    /// <param name="x">Mean over the channels, <c>[B, 1, H, W]</c>; borrowed.</param>
    /// <param name="training">How to train; null outside training.</param>
    /// <returns><c>[B, 1, H, W]</c>, 0 to 1, in the caller's dispose scope.</returns>
    public Tensor Run(Tensor x, Regularisation? training)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor inner
            = _folded is { } folded && training is null ? Convolutions.Run(x, folded[0].Kernel, padding: 1).add(folded[0].Map) : _first.Run(x, training);
        inner = inner.relu();
        Tensor outer
            = _folded is { } both && training is null ? Convolutions.Run(inner, both[1].Kernel, padding: 1).add(both[1].Map) : _second.Run(inner, training);
        return outer.sigmoid().MoveToOuterDisposeScope();
    }

    public void Dispose()
    {
        _first.Dispose();
        _second.Dispose();
        _identity.Dispose();
        _unused.Dispose();
        foreach ((Tensor kernel, Tensor map) in _folded ?? [])
        {
            kernel.Dispose();
            map.Dispose();
        }
    }

    private sealed class Stage(WeightLoader loader, IWeightSource source, string name, string suffix, BatchNorm identity, CaptionConfig config) : IDisposable
    {
        private readonly Tensor _point = loader.Tensor($"{name}brb_3x3{suffix}.conv1.weight", 1, 1, 1, 1);
        private readonly Tensor _square = loader.Tensor($"{name}brb_3x3{suffix}.conv2.weight", 1, 1, 3, 3);
        private readonly Tensor _plain = loader.Tensor($"{name}brb_1x1{suffix}.conv.weight", 1, 1, 1, 1);
        private readonly BatchNorm _inner = new(loader, source, $"{name}brb_3x3{suffix}.bn1", config);
        private readonly BatchNorm _outer = new(loader, source, $"{name}brb_3x3{suffix}.bn2", config);
        private readonly BatchNorm _side = new(loader, source, $"{name}brb_1x1{suffix}.bn", config);

        public IEnumerable<(string Name, Tensor Tensor)> State => [.. _inner.State, .. _outer.State, .. _side.State];

        public Tensor Run(Tensor x, Regularisation? training)
        {
            // The order in which the official code runs the branches decides nothing but which norm is moved first.
            Tensor same = identity.Run(x, training);
            Tensor side = _side.Run(Convolutions.Run(x, _plain), training);
            Tensor inner = _inner.Run(Convolutions.Run(x, _point), training);
            return side.add(_outer.Run(Convolutions.Run(inner, _square, padding: 1), training)).add(same);
        }

        // The inner norm's offset reaches the outer convolution inside the picture only, where its padding is zero: a map, not a number.
        public (Tensor Kernel, Tensor Map) Folded(int grid)
        {
            using DisposeScope scope = NewDisposeScope();
            ((Tensor Factor, Tensor Offset) inner, (Tensor Factor, Tensor Offset) outer) = (_inner.Folded(), _outer.Folded());
            ((Tensor Factor, Tensor Offset) side, (Tensor Factor, Tensor Offset) same) = (_side.Folded(), identity.Folded());
            Tensor square = _square.mul(outer.Factor).mul(_point).mul(inner.Factor); // [1, 1, 3, 3]
            Tensor centre = F.pad(_plain.mul(side.Factor).add(same.Factor), [1, 1, 1, 1]); // [1, 1, 1, 1] -> [1, 1, 3, 3]
            Tensor reached = Convolutions.Run(inner.Offset.expand(1, 1, grid, grid), _square, padding: 1); // [1, 1, grid, grid]
            Tensor map = reached.mul(outer.Factor).add(outer.Offset).add(side.Offset).add(same.Offset);
            return (square.add(centre).DetachFromDisposeScope(), map.DetachFromDisposeScope());
        }

        public void Dispose()
        {
            _inner.Dispose();
            _outer.Dispose();
            _side.Dispose();
        }
    }
}
