namespace Aperture.Workshop;

/// <summary>
/// Tells what a picture of a head shows by painting what it could show (analysis by synthesis): of the values of one attribute the one whose painting is the
/// nearest, where the paintings differ.
/// </summary>
public static class HeadJudge
{
    private const int LeastDifference = 30; // of red, green and blue together
    private const int FewestPixels = 6;

    /// <summary>The value that a picture shows.</summary>
    /// <param name="pixels">Red, green, blue of each pixel, row by row; as large as the painter's.</param>
    /// <param name="camera">Its camera.</param>
    /// <param name="head">The head that it should show, for the other attributes.</param>
    /// <param name="attribute">The attribute.</param>
    /// <returns>The value; -1 where it cannot be seen from there.</returns>
    /// <exception cref="ArgumentException">The picture has another size.</exception>
    public static int Shown(ReadOnlySpan<byte> pixels, HeadCamera camera, PaintedHead head, HeadAttribute attribute)
    {
        if (pixels.Length != 3 * HeadPainter.Side * HeadPainter.Side)
        {
            throw new ArgumentException($"A picture has {3 * HeadPainter.Side * HeadPainter.Side} bytes, not {pixels.Length}.", nameof(pixels));
        }

        byte[][] candidates =
            [.. Enumerable.Range(0, HeadWords.Values(attribute).Count).Select(value => HeadPainter.Paint(head.With(attribute, value), camera).Pixels)];
        bool[] differs = new bool[HeadPainter.Side * HeadPainter.Side];
        for (int first = 0; first < candidates.Length; first++)
        {
            for (int second = first + 1; second < candidates.Length; second++)
            {
                bool[] both = Differing(candidates[first], candidates[second]);
                differs = [.. differs.Zip(both, (one, other) => one || other)];
            }
        }

        if (differs.Count(yes => yes) < FewestPixels)
        {
            return -1;
        }

        long[] distances = new long[candidates.Length];
        for (int value = 0; value < candidates.Length; value++)
        {
            for (int at = 0; at < pixels.Length; at++)
            {
                distances[value] += differs[at / 3] ? Math.Abs(pixels[at] - candidates[value][at]) : 0;
            }
        }

        return Array.IndexOf(distances, distances.Min());
    }

    /// <summary>Where two heads look different from a camera, pixel by pixel.</summary>
    public static bool[] Differing(PaintedHead one, PaintedHead other, HeadCamera camera)
        => Differing(HeadPainter.Paint(one, camera).Pixels, HeadPainter.Paint(other, camera).Pixels);

    private static bool[] Differing(byte[] one, byte[] other)
    {
        bool[] differs = new bool[one.Length / 3];
        for (int pixel = 0; pixel < differs.Length; pixel++)
        {
            int at = 3 * pixel;
            differs[pixel] = Math.Abs(one[at] - other[at]) + Math.Abs(one[at + 1] - other[at + 1]) + Math.Abs(one[at + 2] - other[at + 2]) > LeastDifference;
        }

        return differs;
    }
}
