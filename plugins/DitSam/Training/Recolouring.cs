using Aperture.Images;

namespace Aperture.Plugins.DitSam.Training;

/// <summary>Brightness, contrast and saturation as Pillow's <c>ImageEnhance</c> changes them, on bytes.</summary>
internal static class Recolouring
{
    private const int Channels = 3;
    private const double Spread = 0.4;

    /// <summary>Changes all three by random factors, in random order.</summary>
    /// <param name="image">An RGB image.</param>
    /// <param name="random">Draws.</param>
    public static Image Random(Image image, Random random)
    {
        Func<Image, double, Image>[] changes = [Brightness, Contrast, Saturation];
        random.Shuffle(changes);
        return changes.Aggregate(image, (changed, change) => change(changed, 1 - Spread + (2 * Spread * random.NextDouble())));
    }

    /// <summary>Between black (0) and the image (1), and beyond.</summary>
    public static Image Brightness(Image image, double factor) => Blend(image, factor, (_, _) => 0);

    /// <summary>Between its mean grey (0) and the image (1), and beyond.</summary>
    public static Image Contrast(Image image, double factor)
    {
        double sum = 0;
        ReadOnlySpan<byte> grey = image.ConvertToL().Pixels;
        foreach (byte value in grey)
        {
            sum += value;
        }

        int mean = (int)((sum / grey.Length) + 0.5);
        return Blend(image, factor, (_, _) => mean);
    }

    /// <summary>Between its grey version (0) and the image (1), and beyond.</summary>
    public static Image Saturation(Image image, double factor)
    {
        byte[] grey = image.ConvertToL().Pixels.ToArray();
        return Blend(image, factor, (pixel, _) => grey[pixel]);
    }

    private static Image Blend(Image image, double factor, Func<int, int, int> other)
    {
        byte[] rgb = image.Pixels.ToArray();
        for (int i = 0; i < rgb.Length; i++)
        {
            int from = other(i / Channels, i % Channels);
            rgb[i] = (byte)Math.Clamp(from + (float)(factor * (rgb[i] - from)), 0, 255);
        }

        return Image.FromRgb(rgb, image.Width, image.Height);
    }
}
