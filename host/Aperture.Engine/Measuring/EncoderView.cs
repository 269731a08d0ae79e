using Aperture.Images;
using Aperture.Models;

namespace Aperture.Measuring;

/// <summary>The square of a picture that a CLIP encoder sees, at the picture's own resolution.</summary>
internal static class EncoderView
{
    private const byte Grey = 118;

    public static Image Of(Image image, ImageAspect aspect)
    {
        if (aspect == ImageAspect.Pad)
        {
            return image.PadToSquare(Grey, Grey, Grey);
        }

        Image rgb = image.ConvertToRgb();
        int side = Math.Min(rgb.Width, rgb.Height);
        return rgb.Crop((rgb.Width - side) / 2, (rgb.Height - side) / 2, side, side);
    }
}
