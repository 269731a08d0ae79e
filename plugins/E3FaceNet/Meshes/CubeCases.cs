namespace Aperture.Plugins.E3FaceNet.Meshes;

/// <summary>
/// How a surface cuts a cube, for each way in which its corners lie inside or outside: loops of cut edges. They are found by walking around the cube's faces
/// rather than kept as a table. A face with two opposite corners inside keeps these apart, on both of its sides alike, so that the surface has no holes.
/// </summary>
internal static class CubeCases
{
    /// <summary>Corners of each edge; bit 0 of a corner is its x, bit 1 its y, bit 2 its z.</summary>
    public static readonly (int From, int To)[] Edges =
    [
        .. from corner in Enumerable.Range(0, 8)
           from axis in Enumerable.Range(0, 3)
           where (corner & (1 << axis)) == 0
           select (corner, corner | (1 << axis)),
    ];

    /// <summary>Loops of cut edges by the set of corners inside, with what is outside on the side from which they turn against the clock.</summary>
    public static readonly int[][][] Loops = [.. Enumerable.Range(0, 256).Select(Find)];

    // The corners of a face in order, seen from outside the cube against the clock.
    private static int[] Face(int axis, bool high)
    {
        int u = 1 << ((axis + 1) % 3), v = 1 << ((axis + 2) % 3), own = high ? 1 << axis : 0;
        int[] around = [own, own | u, own | u | v, own | v];
        return high ? around : [around[0], around[3], around[2], around[1]];
    }

    private static int EdgeOf(int a, int b) => Array.IndexOf(Edges, (Math.Min(a, b), Math.Max(a, b)));

    private static int[][] Find(int inside)
    {
        bool Is(int corner) => (inside & (1 << corner)) != 0;

        // On each face the surface leaves through the edge where its border goes from inside to outside, and comes from the one before where it went in.
        Dictionary<int, int> next = [];
        foreach (int[] face in AllFaces())
        {
            for (int corner = 0; corner < 4; corner++)
            {
                if (Is(face[corner]) || !Is(face[(corner + 1) % 4]))
                {
                    continue;
                }

                int end = corner + 1;
                while (Is(face[(end + 1) % 4]))
                {
                    end++;
                }

                int enters = EdgeOf(face[corner], face[(corner + 1) % 4]), leaves = EdgeOf(face[end % 4], face[(end + 1) % 4]);
                next[leaves] = enters;
            }
        }

        List<int[]> loops = [];
        while (next.Count > 0)
        {
            List<int> loop = [];
            for (int edge = next.Keys.Min(); next.Remove(edge, out int following); edge = following)
            {
                loop.Add(edge);
            }

            loops.Add([.. loop.Reverse<int>()]);
        }

        return [.. loops];
    }

    private static IEnumerable<int[]> AllFaces() => from axis in Enumerable.Range(0, 3) from high in new[] { false, true } select Face(axis, high);
}
