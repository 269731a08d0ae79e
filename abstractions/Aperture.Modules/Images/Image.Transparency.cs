namespace Aperture.Images;

public sealed partial class Image
{
    /// <summary>Whether a pixel is not opaque: by alpha, by a palette entry's transparency, or by the colour that a PNG file names as transparent.</summary>
    public bool HasTransparency
    {
        get
        {
            if (Mode is not (ImageMode.RGBA or ImageMode.LA or ImageMode.P) && _transparentColour is null)
            {
                return false;
            }

            byte[] rgba = ConvertToRgba().Bytes;
            for (int i = 3; i < rgba.Length; i += 4)
            {
                if (rgba[i] != 255)
                {
                    return true;
                }
            }

            return false;
        }
    }

    /// <summary>Lays the image on a plain colour, as Pillow's <c>paste</c> does with the image's own alpha as mask.</summary>
    /// <param name="red">Red of the colour.</param>
    /// <param name="green">Green of the colour.</param>
    /// <param name="blue">Blue of the colour.</param>
    /// <returns>An RGB image of the same size and orientation; the RGB version of this one where it is opaque.</returns>
    public Image OnBackground(byte red, byte green, byte blue)
    {
        if (!HasTransparency)
        {
            return ConvertToRgb();
        }

        byte[] rgba = ConvertToRgba().Bytes;
        byte[] rgb = new byte[checked(Width * Height * 3)];
        ReadOnlySpan<byte> colour = [red, green, blue];
        for (int i = 0; i < rgb.Length; i++)
        {
            int alpha = rgba[(i / 3 * 4) + 3];
            int sum = (colour[i % 3] * (255 - alpha)) + (rgba[(i / 3 * 4) + (i % 3)] * alpha) + 128;
            rgb[i] = (byte)(((sum >> 8) + sum) >> 8);
        }

        return new Image(ImageMode.RGB, Width, Height, rgb, orientation: Orientation);
    }
}
