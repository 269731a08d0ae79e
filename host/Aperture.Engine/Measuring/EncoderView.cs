using Aperture.Images;
using Aperture.Models;

namespace Aperture.Measuring;

/// <summary>The square of a picture that a CLIP encoder sees, at the picture's own resolution.</summary>
internal static class EncoderView
{
    private const byte Grey = 118;

    public static Image Of(Image image, ImageAspect aspect)
    {
        Image rgb = image.ConvertToRgb();
        int side = aspect == ImageAspect.Pad ? Math.Max(rgb.Width, rgb.Height) : Math.Min(rgb.Width, rgb.Height);
        byte[] square = new byte[side * side * 3];
        Array.Fill(square, Grey);
        int dx = (side - rgb.Width) / 2, dy = (side - rgb.Height) / 2;
        for (int y = Math.Max(0, dy); y < Math.Min(side, rgb.Height + dy); y++)
        {
            int from = Math.Max(0, dx), to = Math.Min(side, rgb.Width + dx);
            rgb.Pixels.Slice((((y - dy) * rgb.Width) + from - dx) * 3, (to - from) * 3).CopyTo(square.AsSpan(((y * side) + from) * 3));
        }

        return Image.FromRgb(square, side, side);
    }
}
