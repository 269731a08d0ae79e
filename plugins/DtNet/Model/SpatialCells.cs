using Aperture.Decoding;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.DtNet.Model;

/// <summary>
/// The cells of the spatial space that are no attention: the local one (LMC), which lets a small convolution weigh each position, and the axial one (AMC),
/// which mixes along rows and columns.
/// </summary>
internal sealed class SpatialCells : IDisposable
{
    private readonly LocalBlock _local;
    private readonly Matrix _alongRows, _alongColumns, _fuse;
    private readonly LayerNormWeights _localNorm, _axialNorm;
    private readonly CaptionConfig _config;

    /// <summary>Loads the cells.</summary>
    /// <param name="loader">Loads and owns the weights.</param>
    /// <param name="source">The checkpoint.</param>
    /// <param name="name">Published name with its dot: <c>….spatialmultibranch.</c>.</param>
    /// <param name="config">Sizes.</param>
    public SpatialCells(WeightLoader loader, IWeightSource source, string name, CaptionConfig config)
    {
        _config = config;
        _localNorm = loader.Norm(name + "lnorm2", config.Width);
        _axialNorm = loader.Norm(name + "lnorm4", config.Width);
        _alongRows = loader.Linear(name + "smlp.proj_h", config.Grid, config.Grid);
        _alongColumns = loader.Linear(name + "smlp.proj_w", config.Grid, config.Grid);
        _fuse = loader.Linear(name + "smlp.fuse", config.Width, 3 * config.Width);
        _local = new LocalBlock(loader, source, name + "lp.repblock.", config);
    }

    /// <summary>The gate's block.</summary>
    public LocalBlock Gate => _local;

    /// <summary>The local cell: <c>LN(x + drop(x (1 + gate)))</c>. Without dropout the norm takes the gate out again, but for its epsilon.</summary>
    /// <param name="x"><c>[B, N, d]</c>; borrowed.</param>
    /// <param name="training">How to train; null outside training.</param>
    /// <param name="gate">Gets the gate <c>[B, 1, grid, grid]</c>, borrowed; null for nobody.</param>
    /// <returns><c>[B, N, d]</c>, in the caller's dispose scope.</returns>
    public Tensor Local(Tensor x, Regularisation? training, Action<Tensor>? gate)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor gated = _local.Gated(x, training, gate);
        return _localNorm.Run(x.add(training.Drop(gated)), _config.NormEpsilon).MoveToOuterDisposeScope();
    }

    /// <summary>The axial cell: <c>LN(x + drop(x att))</c>, where the weights come of each row mixed, each column mixed and the position itself.</summary>
    /// <param name="x"><c>[B, N, d]</c>; borrowed.</param>
    /// <param name="training">How to train; null outside training.</param>
    /// <param name="weighed">Gets <c>x att</c>, borrowed; null for nobody.</param>
    /// <returns><c>[B, N, d]</c>, in the caller's dispose scope.</returns>
    public Tensor Axial(Tensor x, Regularisation? training, Action<Tensor>? weighed)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor map = x.view(x.size(0), _config.Grid, _config.Grid, -1); // [B, N, d] -> [B, H, W, d]
        Tensor rows = _alongRows.Apply(map.permute(0, 3, 2, 1)).permute(0, 3, 2, 1); // mixes H
        Tensor columns = _alongColumns.Apply(map.permute(0, 1, 3, 2)).permute(0, 1, 3, 2); // mixes W
        Tensor fused = _fuse.Apply(cat([rows, columns, map], -1)).sigmoid(); // [B, H, W, 3 d] -> [B, H, W, d]
        Tensor product = x.mul(fused.flatten(1, 2)); // [B, N, d]
        weighed?.Invoke(product);
        return _axialNorm.Run(x.add(training.Drop(product)), _config.NormEpsilon).MoveToOuterDisposeScope();
    }

    public void Dispose() => _local.Dispose();
}
