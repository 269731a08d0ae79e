using Aperture.Plugins.E3FaceNet.Cameras;
using Aperture.Plugins.E3FaceNet.Fields;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.E3FaceNet.Model;

/// <summary>Between rays and the maps that they are pixels of.</summary>
internal static class RayMaps
{
    private const int Colours = 3;
    private const double Smallest = 1e-8;

    /// <summary>The places of a generator's rays in the picture, <c>[N, 2]</c>; the caller disposes it.</summary>
    public static Tensor Pixels(FaceModel model)
    {
        FaceConfig config = model.Config;
        int blocks = model.Growth.Blocks;
        return PixelGrid.Make(
            config.Picture, blocks == 0 ? config.Volume : config.Resolutions[blocks - 1], config.Volume, config.Settings.AlignedCorners, model.Device);
    }

    /// <summary>What rays show as maps: colours <c>[B, 3, V, V]</c> and features <c>[B, C, V, V]</c>; the caller disposes them.</summary>
    /// <param name="features"><c>[B, N, 3 + C]</c>; borrowed.</param>
    /// <param name="rows">Rows of the map.</param>
    public static (Tensor Colours, Tensor Features) Of(Tensor features, int rows)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor map = Map(features, rows); // [B, N, 3 + C] -> [B, 3 + C, V, V]
        return (
            map.narrow(1, 0, Colours).contiguous().MoveToOuterDisposeScope(),
            map.narrow(1, Colours, map.size(1) - Colours).contiguous().MoveToOuterDisposeScope());
    }

    /// <summary>Where rays end, <c>[B, 3, V, V]</c>; the caller disposes it.</summary>
    /// <param name="rays">The rays; borrowed.</param>
    /// <param name="depth"><c>[B, N, 1]</c>; borrowed.</param>
    public static Tensor Points(Rays rays, Tensor depth)
    {
        using DisposeScope scope = NewDisposeScope();
        return Map(rays.Origin.add(depth.mul(rays.Direction)), rays.Rows).contiguous().MoveToOuterDisposeScope();
    }

    /// <summary>Normals of the surface through such points, <c>[B, 3, V - 2, V - 2]</c>; the caller disposes it.</summary>
    public static Tensor Normals(Tensor points)
    {
        using DisposeScope scope = NewDisposeScope();
        long rows = points.size(2), columns = points.size(3);
        Tensor down = Unit(points.narrow(2, 0, rows - 2).sub(points.narrow(2, 2, rows - 2))).narrow(3, 1, columns - 2);
        Tensor across = Unit(points.narrow(3, 2, columns - 2).sub(points.narrow(3, 0, columns - 2))).narrow(2, 1, rows - 2);
        return Unit(linalg.cross(down, across, 1)).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// Normals from the density: where it falls fastest, on average along each ray, <c>[B, 3, V, V]</c>; the caller disposes it. Gradients must be allowed.
    /// </summary>
    /// <param name="rays">The rays; borrowed.</param>
    /// <param name="rendered">What they show, samples kept; borrowed.</param>
    /// <param name="field">The face's field.</param>
    /// <param name="kernels">The face; borrowed.</param>
    public static Tensor Gradient(Rays rays, RenderedRays rendered, FaceField field, FieldKernels kernels)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable grad = enable_grad();
        Tensor points = rays.Origin.unsqueeze(2).add(rendered.FaceDepths!.unsqueeze(-1).mul(rays.Direction.unsqueeze(2))).detach().requires_grad_(true);
        Tensor density = field.Density(points, kernels); // [B, N, S, 3] -> [B, N, S]
        Tensor slope = autograd.grad([density.sum()], [points])[0];
        Tensor mean = slope.mul(rendered.FaceWeights!.unsqueeze(-1)).sum(2); // -> [B, N, 3]
        Tensor unit = mean.div(mean.square().sum(-1, keepdim: true).sqrt().clamp_min(1e-12));
        return Map(unit.neg(), rays.Rows).contiguous().detach().MoveToOuterDisposeScope();
    }

    // [B, N, C] -> [B, C, rows, N / rows]
    private static Tensor Map(Tensor rays, int rows) => rays.transpose(1, 2).unflatten(2, [rows, rays.size(1) / rows]);

    private static Tensor Unit(Tensor vectors) => vectors.div(vectors.square().sum(1, keepdim: true).sqrt().add(Smallest));
}
