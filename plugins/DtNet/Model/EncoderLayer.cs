using Aperture.Decoding;
using Aperture.Plugins.DtNet.Paths;
using Aperture.Tasks;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.DtNet.Model;

/// <summary>
/// An encoder layer: a space of three spatial cells (local, axial, global) and a space of two channel cells (attention, projection), each with a router that
/// weighs its cells picture by picture from what they read.
/// </summary>
internal sealed class EncoderLayer : IDisposable
{
    /// <summary>Names of the spatial cells, in the order of the router's weights.</summary>
    public static readonly string[] SpatialCellNames = ["LMC", "AMC", "GMC"];

    /// <summary>Names of the channel cells, in the order of the router's weights.</summary>
    public static readonly string[] ChannelCellNames = ["CAC", "CPC"];

    private readonly AttentionBlock _attention;
    private readonly LayerNormWeights _attentionNorm, _spatialNorm, _channelNorm;
    private readonly SpatialCells _spatial;
    private readonly SqueezeCell _squeeze;
    private readonly FeedForward _projection;
    private readonly PathRouter _spatialRouter, _channelRouter;
    private readonly CaptionConfig _config;
    private readonly int _layer;

    /// <summary>Loads a layer.</summary>
    /// <param name="loader">Loads and owns the weights.</param>
    /// <param name="routers">Loads and owns the routers' weights, in float32.</param>
    /// <param name="source">The checkpoint.</param>
    /// <param name="layer">Its number.</param>
    /// <param name="config">Sizes.</param>
    public EncoderLayer(WeightLoader loader, WeightLoader routers, IWeightSource source, int layer, CaptionConfig config)
    {
        string name = $"encoder.layers.{layer}.";
        (_config, _layer) = (config, layer);
        _attention = new AttentionBlock(loader, name + "mhatt.", config);
        _attentionNorm = loader.Norm(name + "lnorm", config.Width);
        _spatialNorm = loader.Norm(name + "lnorm2", config.Width);
        _channelNorm = loader.Norm(name + "lnorm3", config.Width);
        _squeeze = new SqueezeCell(loader, name + "channelmultibranch.", config);
        _projection = new FeedForward(loader, name + "pwff.", config);
        _spatialRouter = new PathRouter(routers, name + "spatialrouter.", config, SpatialCellNames.Length);
        _channelRouter = new PathRouter(routers, name + "channelrouter.", config, ChannelCellNames.Length);
        _spatial = new SpatialCells(loader, source, name + "spatialmultibranch.", config);
    }

    /// <summary>The local cell's block.</summary>
    public LocalBlock Local => _spatial.Gate;

    /// <summary>Runs the layer.</summary>
    /// <param name="x"><c>[B, N, d]</c>; borrowed.</param>
    /// <param name="mask">Bool <c>[B, 1, 1, N]</c>, true where a key is not seen; borrowed.</param>
    /// <param name="bias">The heads' geometry <c>[1, heads, N, N]</c>; borrowed.</param>
    /// <param name="plan">What is made of the routers' weights.</param>
    /// <param name="training">How to train; null outside training.</param>
    /// <param name="run">Who listens.</param>
    /// <returns><c>[B, N, d]</c>, in the caller's dispose scope.</returns>
    public Tensor Run(Tensor x, Tensor mask, Tensor bias, RoutePlan plan, Regularisation? training, TaskRun run)
    {
        using DisposeScope scope = NewDisposeScope();
        string name = $"layer{_layer}.";
        run.Value(name + "x", x);
        Tensor spatial = _spatialRouter.Run(x);
        run.Value(name + "route_spatial", spatial);
        Tensor mixed = RoutedCells.Run(x, plan.Apply(spatial, 2 * _layer), plan,
        [
            (rows, _) => Told(run, name + "lmc", _spatial.Local(rows, training, gate => run.Value(name + "lmc.gate", gate))),
            (rows, _) => Told(run, name + "amc", _spatial.Axial(rows, training, product => run.Value(name + "amc.mul", product))),
            (rows, chosen) => Told(run, name + "gmc", Global(rows, chosen is null ? mask : mask.index_select(0, chosen), bias, training, run, name)),
        ], out int[] spatialRan);
        Tensor y = _spatialNorm.Run(x.add(training.Drop(mixed)), _config.NormEpsilon);
        run.Value(name + "y", y);
        Tensor channel = _channelRouter.Run(y);
        run.Value(name + "route_channel", channel);
        Tensor joined = RoutedCells.Run(y, plan.Apply(channel, (2 * _layer) + 1), plan,
        [
            (rows, _) => Told(run, name + "cac", _squeeze.Run(rows, training, product => run.Value(name + "cac.mul", product))),
            (rows, _) => Told(run, name + "cpc", _projection.Run(rows, training)),
        ], out int[] channelRan);
        CaptionFlops.CountLayer(run, _config, x.size(0), spatialRan, channelRan);
        Tensor z = _channelNorm.Run(y.add(training.Drop(joined)), _config.NormEpsilon);
        run.Value(name + "z", z);
        return z.MoveToOuterDisposeScope();
    }

    public void Dispose() => _spatial.Dispose();

    private static Tensor Told(TaskRun run, string name, Tensor value)
    {
        run.Value(name, value);
        return value;
    }

    private Tensor Global(Tensor x, Tensor mask, Tensor bias, Regularisation? training, TaskRun run, string name)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor attended = Told(run, name + "mha", _attention.Run(x, _attention.Project(x), mask, bias, training));
        return _attentionNorm.Run(x.add(training.Drop(attended)), _config.NormEpsilon).MoveToOuterDisposeScope();
    }
}
