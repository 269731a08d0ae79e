using System.Text.Json;
using Aperture.Plugins.E3FaceNet.Fields;
using Aperture.Plugins.E3FaceNet.Meshes;
using Aperture.Plugins.E3FaceNet.Model;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.E3FaceNet;

/// <summary>
/// Density on a grid and the surface through it. Vertices are compared as a set; triangles by the area they cover and by having no holes, since several
/// triangulations of the same vertices are right.
/// </summary>
public sealed class MeshRunner : IGoldenRunner
{
    private const double AreaTolerance = 0.01;

    public string Area => RecordedFace.AreaName;

    public string Kind => "mesh";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable quiet = no_grad();
        using Decoding.WeightLoader loader = RecordedFace.Loader(golden);
        FaceConfig config = RecordedFace.Config(golden.Config);
        int side = golden.Config.GetProperty("resolution").GetInt32();
        FaceField face = new(loader, config);
        using FieldKernels kernels = face.Modulate(golden.Get("in.ws").narrow(1, 0, config.FaceStyles));
        DensityGrid grid = DensityGrid.Of(face, kernels, config, side, CPU, null, CancellationToken.None);
        Assert.Equal(golden.Config.GetProperty("bound").GetDouble(), grid.Bound, 1e-9);
        golden.Compare("out.sigma", tensor(grid.Values, [side, side, side]));

        FaceMesh mesh = MarchingCubes.Run(grid, golden.Config.GetProperty("threshold").GetDouble());
        Tensor recorded = golden.Get("out.vertices");
        Assert.Equal(recorded.size(0), mesh.Vertices.Count);
        Tensor own = tensor([.. mesh.Vertices.SelectMany(vertex => new[] { vertex.X, vertex.Y, vertex.Z })], [mesh.Vertices.Count, 3]);
        long[] nearest = cdist(recorded, own).argmin(1).data<long>().ToArray();
        Assert.Equal(nearest.Length, nearest.Distinct().Count());
        golden.Compare("out.vertices", own.index_select(0, tensor(nearest)));

        long[] triangles = golden.Get("out.triangles").flatten().data<long>().ToArray();
        double expected = AreaOf(recorded, triangles), actual = AreaOf(own, [.. mesh.Triangles.SelectMany(t => new[] { (long)t.A, t.B, t.C })]);
        Assert.True(Math.Abs(actual - expected) <= AreaTolerance * expected, $"the surface has an area of {actual}, expected {expected}");
        CheckNoHoles(mesh, grid);
        golden.NotCompared("out.triangles", "several triangulations of the same vertices are right; area and holes are checked");
    }

    private static double AreaOf(Tensor vertices, long[] triangles)
    {
        Tensor corners = vertices.index_select(0, tensor(triangles)).view(-1, 3, 3); // [T, corner, xyz]
        Tensor a = corners.select(1, 0);
        return linalg.cross(corners.select(1, 1).sub(a), corners.select(1, 2).sub(a)).square().sum(1).sqrt().sum().item<float>() / 2;
    }

    // Each side of a triangle is another one's in the other direction, unless it lies on the grid's border.
    private static void CheckNoHoles(FaceMesh mesh, DensityGrid grid)
    {
        HashSet<(int, int)> sides = [.. mesh.Triangles.SelectMany(t => new[] { (t.A, t.B), (t.B, t.C), (t.C, t.A) })];
        Assert.Equal(3 * mesh.Triangles.Count, sides.Count);
        bool OnBorder(int vertex)
        {
            (float x, float y, float z) = mesh.Vertices[vertex];
            return new[] { x, y, z }.Any(value => Math.Abs(Math.Abs(value) - grid.Bound) < 1e-6);
        }

        Assert.All(sides.Where(side => !sides.Contains((side.Item2, side.Item1))), side => Assert.True(OnBorder(side.Item1) && OnBorder(side.Item2)));
    }
}
