using System.Globalization;
using System.Text;

namespace Aperture.Plugins.E3FaceNet.Meshes;

/// <summary>A surface of triangles, whose sides turn against the clock seen from outside.</summary>
/// <param name="Vertices">Points.</param>
/// <param name="Triangles">Three vertices each, counted from 0.</param>
internal sealed record FaceMesh(IReadOnlyList<(float X, float Y, float Z)> Vertices, IReadOnlyList<(int A, int B, int C)> Triangles)
{
    /// <summary>The surface in Wavefront's format.</summary>
    public string ToObj()
    {
        StringBuilder text = new();
        foreach ((float x, float y, float z) in Vertices)
        {
            text.Append(CultureInfo.InvariantCulture, $"v {x:R} {y:R} {z:R}\n");
        }

        foreach ((int a, int b, int c) in Triangles)
        {
            text.Append(CultureInfo.InvariantCulture, $"f {a + 1} {b + 1} {c + 1}\n");
        }

        return text.ToString();
    }
}
