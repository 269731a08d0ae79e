using System.Numerics;

namespace Aperture.Workshop;

/// <summary>A head as a camera sees it.</summary>
/// <param name="Pixels">Red, green, blue of each pixel, row by row.</param>
/// <param name="Depth">Distance of what each pixel's middle shows from the camera's plane; 0 for the wall.</param>
public sealed record HeadView(byte[] Pixels, float[] Depth);

/// <summary>Paints heads: a ray a place, nine places a pixel, light from above in front of the face that does not move with the camera.</summary>
public static class HeadPainter
{
    /// <summary>Side of a picture in pixels.</summary>
    public const int Side = 64;

    private const int Places = 3; // along a pixel's side
    private const float Ambient = 0.55f;

    private static readonly Vector3 _light = Vector3.Normalize(new(0.8f, 0.35f, 0.6f));

    /// <summary>Paints a head.</summary>
    /// <param name="head">The head.</param>
    /// <param name="camera">The camera.</param>
    public static HeadView Paint(PaintedHead head, HeadCamera camera)
    {
        // Rays are shrunk instead of stretching the shapes.
        Vector3 scale = new(1, (float)head.Width, (float)head.Height), origin = camera.Place / scale;
        HeadShape[] shapes = [.. HeadShapes.Of(head)];
        Vector3 wall = HeadShapes.Rgb(HeadWords.Walls[head[HeadAttribute.Wall]]);
        byte[] pixels = new byte[Side * Side * 3];
        float[] depth = new float[Side * Side];
        for (int pixel = 0; pixel < depth.Length; pixel++)
        {
            Vector3 sum = Vector3.Zero;
            for (int place = 0; place < Places * Places; place++)
            {
                double column = (pixel % Side) + ((place % Places) - 1) / (double)Places, row = (pixel / Side) + ((place / Places) - 1) / (double)Places;
                Vector3 direction = camera.Direction(Coordinate(column), -Coordinate(row)) / scale;
                (float steps, Vector3 color) = Cast(shapes, origin, direction, scale);
                sum += float.IsPositiveInfinity(steps) ? wall : color;
                if (place == Places * Places / 2)
                {
                    depth[pixel] = float.IsPositiveInfinity(steps) ? 0 : steps;
                }
            }

            for (int channel = 0; channel < 3; channel++)
            {
                pixels[(3 * pixel) + channel] = (byte)Math.Clamp(MathF.Round(255 * sum[channel] / (Places * Places)), 0, 255);
            }
        }

        return new HeadView(pixels, depth);
    }

    /// <summary>The place of a column, or of a row counted from below, in the picture: -1 to 1.</summary>
    public static double Coordinate(double index) => (2 * index / (Side - 1)) - 1;

    private static (float Steps, Vector3 Color) Cast(HeadShape[] shapes, Vector3 origin, Vector3 direction, Vector3 scale)
    {
        (float nearest, Vector3 normal, Vector3 color) = (float.PositiveInfinity, Vector3.Zero, Vector3.Zero);
        foreach (HeadShape shape in shapes)
        {
            (float steps, Vector3 facing) = shape.Meet(origin, direction);
            if (steps < nearest)
            {
                (nearest, normal, color) = (steps, facing, shape.Color);
            }
        }

        float lit = float.IsPositiveInfinity(nearest) ? 0 : Math.Max(0, Vector3.Dot(Vector3.Normalize(normal / scale), _light));
        return (nearest, color * (Ambient + ((1 - Ambient) * lit)));
    }
}
