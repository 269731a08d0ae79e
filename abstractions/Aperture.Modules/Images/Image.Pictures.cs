using Aperture.Vision;

namespace Aperture.Images;

/// <content>Between images and the pictures and masks that tasks exchange.</content>
public sealed partial class Image
{
    /// <summary>Makes an RGB image of a picture; the pixels are copied.</summary>
    /// <param name="picture">The picture.</param>
    public static Image FromPicture(Picture picture) => FromPixels(ImageMode.RGB, picture.Rgb.Span, picture.Width, picture.Height);

    /// <summary>Makes a grey image of a mask: 255 inside, 0 outside.</summary>
    /// <param name="mask">The mask.</param>
    public static Image FromMask(MaskImage mask)
    {
        byte[] pixels = new byte[mask.Width * mask.Height];
        for (int y = 0; y < mask.Height; y++)
        {
            for (int x = 0; x < mask.Width; x++)
            {
                pixels[(y * mask.Width) + x] = mask.IsInside(x, y) ? byte.MaxValue : byte.MinValue;
            }
        }

        return new Image(ImageMode.L, mask.Width, mask.Height, pixels);
    }

    /// <summary>The image as tasks take it, in RGB; an image that is RGB already shares its pixels with it.</summary>
    public Picture ToPicture()
    {
        Image rgb = ConvertToRgb();
        return new Picture(rgb.Bytes, rgb.Width, rgb.Height);
    }
}
