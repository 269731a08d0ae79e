using SixLabors.ImageSharp;
using SixLabors.ImageSharp.PixelFormats;

namespace Aperture.Images;

/// <content>Between images and those of SixLabors.ImageSharp.</content>
public sealed partial class Image
{
    /// <summary>
    /// The image in mode RGB as one of ImageSharp's, whose operations it then has; the pixels are copied, <see cref="Orientation"/> is not applied.
    /// </summary>
    /// <returns>A new image; the caller disposes it.</returns>
    public Image<Rgb24> ToImageSharp() => SixLabors.ImageSharp.Image.LoadPixelData<Rgb24>(ConvertToRgb().Bytes, Width, Height);

    /// <summary>Makes an RGB image of one of ImageSharp's, whatever its pixel format; alpha is dropped, of an animation the first frame is taken.</summary>
    /// <param name="image">The image. It is only read: the caller goes on disposing it.</param>
    /// <returns>A new image with its own copy of the pixels.</returns>
    public static Image FromImageSharp(SixLabors.ImageSharp.Image image)
    {
        ArgumentNullException.ThrowIfNull(image);
        if (image is Image<Rgb24> rgb)
        {
            return FromImageSharp(rgb);
        }

        using Image<Rgb24> copy = image.CloneAs<Rgb24>();
        return FromImageSharp(copy);
    }

    private static Image FromImageSharp(Image<Rgb24> image)
    {
        byte[] pixels = new byte[checked(image.Width * image.Height * 3)];
        image.CopyPixelDataTo(pixels);
        return new Image(ImageMode.RGB, image.Width, image.Height, pixels);
    }
}
