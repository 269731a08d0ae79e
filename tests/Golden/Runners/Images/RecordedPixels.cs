using System.Security.Cryptography;
using System.Text.Json;
using Aperture.Images;

namespace Aperture.Golden.Tests.Images;

/// <summary>Compares pixels with what a case records of them: shape, SHA-256, sum and sampled pixels.</summary>
internal static class RecordedPixels
{
    public static string Sha256(Image image) => Convert.ToHexStringLower(SHA256.HashData(image.Pixels));

    public static long Sum(Image image)
    {
        long sum = 0L;
        switch (image.Mode)
        {
            case ImageMode.I:
                foreach (int value in image.IntegerPixels)
                {
                    sum += value;
                }

                break;
            case ImageMode.Bilevel:
                foreach (byte value in image.Pixels)
                {
                    sum += value / 255;
                }

                break;
            default:
                foreach (byte value in image.Pixels)
                {
                    sum += value;
                }

                break;
        }

        return sum;
    }

    public static int[] Pixel(Image image, int x, int y)
    {
        ReadOnlySpan<byte> pixel = image.Pixels.Slice((y * image.Width + x) * image.Channels, image.Channels);
        return Array.ConvertAll(pixel.ToArray(), value => (int)value);
    }

    /// <summary>Checks shape, sums and pixels before the hash, so that a failure says where the pixels differ.</summary>
    public static void Check(string what, JsonElement recorded, Image image)
    {
        if (recorded.TryGetProperty("shape", out JsonElement shape))
        {
            Assert.True(
                Integers(shape).SequenceEqual([image.Height, image.Width, image.Channels]),
                $"{what}: {image.Height}x{image.Width}x{image.Channels}, recorded {shape.GetRawText()}");
        }

        (string, int, int)[] corners = [("first", 0, 0), ("last", image.Width - 1, image.Height - 1), ("middle", image.Width / 2, image.Height / 2)];
        foreach ((string field, int x, int y) in corners)
        {
            if (recorded.TryGetProperty(field, out JsonElement pixel))
            {
                Assert.True(
                    Integers(pixel).SequenceEqual(Pixel(image, x, y)),
                    $"{what}: {field} pixel is [{string.Join(", ", Pixel(image, x, y))}], recorded {pixel.GetRawText()}");
            }
        }

        if (recorded.TryGetProperty("sum", out JsonElement sum))
        {
            Assert.True(sum.GetInt64() == Sum(image), $"{what}: sum {Sum(image)}, recorded {sum.GetInt64()}");
        }

        Assert.True(recorded.GetProperty("sha256").GetString() == Sha256(image), $"{what}: the pixels' hash differs");
    }

    public static int[] Integers(JsonElement array) => [.. array.EnumerateArray().Select(value => value.GetInt32())];
}
