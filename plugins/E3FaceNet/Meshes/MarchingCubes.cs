namespace Aperture.Plugins.E3FaceNet.Meshes;

/// <summary>Finds the surface on which a density has a value.</summary>
internal static class MarchingCubes
{
    /// <summary>Finds it; a vertex lies on each edge between neighbours that it separates, where the density between them would have the value.</summary>
    /// <param name="grid">The density.</param>
    /// <param name="threshold">The value.</param>
    /// <returns>The surface; what is denser is inside.</returns>
    public static FaceMesh Run(DensityGrid grid, double threshold)
    {
        List<(float, float, float)> vertices = [];
        List<(int, int, int)> triangles = [];
        Dictionary<(int, int), int> cut = []; // a vertex by the points that it lies between
        int side = grid.Side;
        for (int x = 0; x < side - 1; x++)
        {
            for (int y = 0; y < side - 1; y++)
            {
                for (int z = 0; z < side - 1; z++)
                {
                    Cube(grid, threshold, (((x * side) + y) * side) + z, cut, vertices, triangles);
                }
            }
        }

        return new FaceMesh(vertices, triangles);
    }

    private static void Cube(
        DensityGrid grid, double threshold, int origin, Dictionary<(int, int), int> cut, List<(float, float, float)> vertices, List<(int, int, int)> triangles)
    {
        int Point(int corner)
            => origin + ((corner & 1) * grid.Side * grid.Side) + (((corner >> 1) & 1) * grid.Side) + ((corner >> 2) & 1);
        int inside = 0;
        for (int corner = 0; corner < 8; corner++)
        {
            inside |= grid.Values[Point(corner)] >= threshold ? 1 << corner : 0;
        }

        foreach (int[] loop in CubeCases.Loops[inside])
        {
            int[] corners = Array.ConvertAll(
                loop, edge => Vertex(grid, threshold, Point(CubeCases.Edges[edge].From), Point(CubeCases.Edges[edge].To), cut, vertices));
            for (int corner = 1; corner < corners.Length - 1; corner++)
            {
                triangles.Add((corners[0], corners[corner], corners[corner + 1]));
            }
        }
    }

    private static int Vertex(
        DensityGrid grid, double threshold, int from, int to, Dictionary<(int, int), int> cut, List<(float, float, float)> vertices)
    {
        if (cut.TryGetValue((from, to), out int known))
        {
            return known;
        }

        double share = (threshold - grid.Values[from]) / ((double)grid.Values[to] - grid.Values[from]);
        (double X, double Y, double Z) a = Place(grid, from), b = Place(grid, to);
        vertices.Add(((float)(a.X + (share * (b.X - a.X))), (float)(a.Y + (share * (b.Y - a.Y))), (float)(a.Z + (share * (b.Z - a.Z)))));
        cut.Add((from, to), vertices.Count - 1);
        return vertices.Count - 1;
    }

    private static (double X, double Y, double Z) Place(DensityGrid grid, int point)
    {
        double At(int index) => ((2.0 * index / (grid.Side - 1)) - 1) * grid.Bound;
        return (At(point / (grid.Side * grid.Side)), At(point / grid.Side % grid.Side), At(point % grid.Side));
    }
}
