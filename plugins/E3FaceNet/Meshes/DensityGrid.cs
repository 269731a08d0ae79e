using Aperture.Plugins.E3FaceNet.Fields;
using Aperture.Plugins.E3FaceNet.Model;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.E3FaceNet.Meshes;

/// <summary>Raw density of a face at the points of a cube around the centre.</summary>
/// <param name="values">Densities, x outermost, z innermost.</param>
/// <param name="side">Points along an edge.</param>
/// <param name="bound">Half the edge.</param>
internal sealed class DensityGrid(float[] values, int side, double bound)
{
    // Bounds the values of a slice of points.
    private const long SliceBytes = 64L << 20;

    /// <summary>Densities, x outermost, z innermost.</summary>
    public float[] Values => values;

    /// <summary>Points along an edge.</summary>
    public int Side => side;

    /// <summary>Half the edge.</summary>
    public double Bound => bound;

    /// <summary>Samples a face.</summary>
    /// <param name="field">The faces' field.</param>
    /// <param name="kernels">The face; borrowed.</param>
    /// <param name="config">Sizes.</param>
    /// <param name="side">Points along an edge.</param>
    /// <param name="device">Where it runs.</param>
    /// <param name="progress">Told how many of how many points are done; null for nobody.</param>
    /// <param name="cancellationToken">Checked between slices.</param>
    public static DensityGrid Of(
        FaceField field, FieldKernels kernels, FaceConfig config, int side, Device device, Action<int, int>? progress, CancellationToken cancellationToken)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable quiet = no_grad();
        double bound = (config.Settings.Far - config.Settings.Near) / 2;
        Tensor line = linspace(-bound, bound, side, device: device);
        long all = (long)side * side * side, step = Math.Max(1, SliceBytes / (sizeof(float) * config.FaceWidth));
        float[] values = new float[all];
        for (long first = 0; first < all; first += step)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using DisposeScope slice = NewDisposeScope();
            Tensor index = arange(first, Math.Min(all, first + step), dtype: ScalarType.Int64, device: device);
            Tensor row = index.floor_divide(side);
            Tensor x = row.floor_divide(side), y = row.remainder(side), z = index.remainder(side);
            Tensor points = stack([line.index_select(0, x), line.index_select(0, y), line.index_select(0, z)], -1); // [n, 3]
            Tensor density = field.Density(points.view(1, -1, 1, 3), kernels).flatten().cpu(); // [1, n, 1] -> [n]
            density.data<float>().ToArray().CopyTo(values, first);
            progress?.Invoke((int)Math.Min(all, first + step), (int)all);
        }

        return new DensityGrid(values, side, bound);
    }
}
