using Aperture.Decoding;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.DtNet.Model;

/// <summary>
/// The spatial-channel joint router: the weights of a space's cells from the mean row and the mean channel of what the cells read. Computed in float32
/// whatever the rest is computed in.
/// </summary>
internal sealed class PathRouter
{
    private readonly Matrix _rows1, _rows2, _channels1, _channels2, _joint1, _joint2;

    /// <summary>Loads the router.</summary>
    /// <param name="loader">Loads and owns the weights, in float32.</param>
    /// <param name="name">Published name with its dot, such as <c>encoder.layers.0.spatialrouter.</c>.</param>
    /// <param name="config">Sizes.</param>
    /// <param name="paths">Cells to weigh.</param>
    public PathRouter(WeightLoader loader, string name, CaptionConfig config, int paths)
    {
        _rows1 = loader.Linear(name + "spatial_router.0", config.RouterRows, config.Cells);
        _rows2 = loader.Linear(name + "spatial_router.2", paths, config.RouterRows);
        _channels1 = loader.Linear(name + "channel_router.0", config.RouterChannels, config.Width);
        _channels2 = loader.Linear(name + "channel_router.2", paths, config.RouterChannels);
        _joint1 = loader.Linear(name + "finnal_router.0", paths, 2 * paths); // spelled as in the checkpoints
        _joint2 = loader.Linear(name + "finnal_router.2", paths, paths);
    }

    /// <summary>The weights.</summary>
    /// <param name="x"><c>[B, N, d]</c>; borrowed.</param>
    /// <returns>float32 <c>[B, paths]</c>, each row summing to 1, in the caller's dispose scope.</returns>
    public Tensor Run(Tensor x)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor wide = x.to_type(ScalarType.Float32);
        Tensor channels = _channels2.Apply(_channels1.Apply(wide.mean([1L])).relu()); // [B, N, d] -> [B, d] -> [B, paths]
        Tensor rows = _rows2.Apply(_rows1.Apply(wide.mean([2L])).relu()); // [B, N, d] -> [B, N] -> [B, paths]
        return _joint2.Apply(_joint1.Apply(cat([channels, rows], -1)).relu()).softmax(-1).MoveToOuterDisposeScope();
    }
}
