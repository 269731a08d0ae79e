using Aperture.Plugins.E3FaceNet.Meshes;
using Aperture.Plugins.E3FaceNet.Metrics;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.E3FaceNet.Tests;

public sealed class SurfaceTests
{
    [Fact]
    public void A_ball_is_closed_and_has_its_area_and_faces_outwards()
    {
        FaceMesh mesh = MarchingCubes.Run(Grid(32, (x, y, z) => 1 - Math.Sqrt((x * x) + (y * y) + (z * z))), 0.5);

        HashSet<(int, int)> sides = [.. mesh.Triangles.SelectMany(t => new[] { (t.A, t.B), (t.B, t.C), (t.C, t.A) })];
        Assert.All(sides, side => Assert.Contains((side.Item2, side.Item1), sides));
        Assert.Equal(2, mesh.Vertices.Count - (sides.Count / 2) + mesh.Triangles.Count); // Euler
        Assert.Equal(4 * Math.PI * 0.25 / 3 * 0.5, Volume(mesh), 0.01);
    }

    [Fact]
    public void Every_way_of_cutting_cubes_fits_its_neighbours()
    {
        Random random = new(3);
        double Noise(double x, double y, double z) => new[] { x, y, z }.Max(Math.Abs) > 0.95 ? -1 : random.NextDouble() - 0.5;
        FaceMesh mesh = MarchingCubes.Run(Grid(24, Noise), 0);

        List<(int, int)> sides = [.. mesh.Triangles.SelectMany(t => new[] { (t.A, t.B), (t.B, t.C), (t.C, t.A) })];
        Dictionary<(int, int), int> counts = sides.GroupBy(side => side).ToDictionary(group => group.Key, group => group.Count());
        Assert.All(counts, side => Assert.Equal(side.Value, counts.GetValueOrDefault((side.Key.Item2, side.Key.Item1))));
    }

    [Fact]
    public void A_mesh_is_written_with_vertices_counted_from_one()
        => Assert.Equal(
            "v 0.5 0 -1\nv 1 0 0\nv 0 1 0\nf 1 2 3\n", new FaceMesh([(0.5f, 0, -1), (1, 0, 0), (0, 1, 0)], [(0, 1, 2)]).ToObj());

    [Fact]
    public void The_distance_of_two_normal_sets_is_what_their_means_and_deviations_say()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor one = tensor([-1.0, 1, -1, 1], [4, 1]), two = tensor([1.0, 7, 1, 7], [4, 1]); // mean 0 and 4, deviation 1 and 3
        using FeatureStatistics a = FeatureStatistics.Of(one), b = FeatureStatistics.Of(two);

        Assert.Equal(16 + 4, FeatureStatistics.Distance(a, b), 1e-9);
        Assert.Equal(0, FeatureStatistics.Distance(a, a), 1e-9);
    }

    [Fact]
    public void Features_far_away_are_not_within_and_the_same_ones_are()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor real = arange(0, 20, dtype: ScalarType.Float32).view(10, 2);

        Assert.Equal(1, FeatureManifold.Share(real, real, 3));
        Assert.Equal(0, FeatureManifold.Share(real, real.add(1000), 3));
        Assert.Equal(0.5, FeatureManifold.Share(real, cat([real, real.add(1000)]), 3));
    }

    private static double Volume(FaceMesh mesh) => mesh.Triangles.Sum(t =>
    {
        (float X, float Y, float Z) a = mesh.Vertices[t.A], b = mesh.Vertices[t.B], c = mesh.Vertices[t.C];
        return ((a.X * ((b.Y * c.Z) - (b.Z * c.Y))) + (a.Y * ((b.Z * c.X) - (b.X * c.Z))) + (a.Z * ((b.X * c.Y) - (b.Y * c.X)))) / 6.0;
    });

    private static DensityGrid Grid(int side, Func<double, double, double, double> density)
    {
        double At(int index) => (2.0 * index / (side - 1)) - 1;
        IEnumerable<int> line = Enumerable.Range(0, side);
        return new DensityGrid([.. from x in line from y in line from z in line select (float)density(At(x), At(y), At(z))], side, 1);
    }
}
