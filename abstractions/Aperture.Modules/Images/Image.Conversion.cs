namespace Aperture.Images;

public sealed partial class Image
{
    /// <summary>
    /// The image in mode RGB by Pillow's rules: grey is replicated, a palette looked up, alpha dropped and never blended, 16-bit and wider values clipped at
    /// 255.
    /// </summary>
    /// <returns>This image when it already is RGB, else a new one of the same size and orientation.</returns>
    public Image ConvertToRgb()
    {
        if (Mode == ImageMode.RGB)
        {
            return this;
        }

        byte[] rgb = new byte[checked(Width * Height * 3)];
        if (Mode is ImageMode.P)
        {
            (byte[]? indices, byte[]? palette) = (Bytes, _palette!);
            for (int i = 0, o = 0; i < indices.Length; i++, o += 3)
            {
                palette.AsSpan(4 * indices[i], 3).CopyTo(rgb.AsSpan(o, 3));
            }
        }
        else if (Mode is ImageMode.RGBA)
        {
            byte[] rgba = Bytes;
            for (int i = 0, o = 0; i < rgba.Length; i += 4, o += 3)
            {
                (rgb[o], rgb[o + 1], rgb[o + 2]) = (rgba[i], rgba[i + 1], rgba[i + 2]);
            }
        }
        else
        {
            byte[] grey = Grey();
            for (int i = 0, o = 0; i < grey.Length; i++, o += 3)
            {
                rgb[o] = rgb[o + 1] = rgb[o + 2] = grey[i];
            }
        }

        return new Image(ImageMode.RGB, Width, Height, rgb, orientation: Orientation);
    }

    /// <summary>The image in mode RGBA: opaque where the file has no alpha, else the file's alpha, palette transparency or transparent colour.</summary>
    /// <returns>This image when it already is RGBA, else a new one of the same size and orientation.</returns>
    public Image ConvertToRgba()
    {
        if (Mode == ImageMode.RGBA)
        {
            return this;
        }

        byte[] rgb = ConvertToRgb().Bytes;
        byte[] rgba = new byte[checked(Width * Height * 4)];
        for (int i = 0, o = 0; i < rgb.Length; i += 3, o += 4)
        {
            (rgba[o], rgba[o + 1], rgba[o + 2], rgba[o + 3]) = (rgb[i], rgb[i + 1], rgb[i + 2], 255);
        }

        for (int i = 0; i < Width * Height; i++)
        {
            rgba[4 * i + 3] = Mode switch
            {
                ImageMode.LA => Bytes[2 * i + 1],
                ImageMode.P => _palette![4 * Bytes[i] + 3],
                ImageMode.L or ImageMode.Bilevel => (byte)(Bytes[i] == _transparentColour ? 0 : 255),
                ImageMode.RGB => (byte)(((rgb[3 * i] << 16) | (rgb[3 * i + 1] << 8) | rgb[3 * i + 2]) == _transparentColour ? 0 : 255),
                _ => 255,
            };
        }

        return new Image(ImageMode.RGBA, Width, Height, rgba, orientation: Orientation);
    }

    /// <summary>The image in mode L: ITU-R 601 luma of the colours in Pillow's 16-bit fixed point; alpha is dropped, wider values are clipped at 255.</summary>
    /// <returns>This image when it already is L, else a new one of the same size and orientation.</returns>
    public Image ConvertToL() => Mode == ImageMode.L ? this : new Image(ImageMode.L, Width, Height, Grey(), orientation: Orientation);

    private byte[] Grey()
    {
        switch (Mode)
        {
            case ImageMode.L or ImageMode.Bilevel:
                return (byte[])Bytes.Clone();
            case ImageMode.LA:
                byte[] pairs = Bytes;
                byte[] first = new byte[pairs.Length / 2];
                for (int i = 0; i < first.Length; i++)
                {
                    first[i] = pairs[2 * i];
                }

                return first;
            case ImageMode.I:
                return Array.ConvertAll(Integers, v => (byte)Math.Clamp(v, 0, 255));
            case ImageMode.F:
                return Array.ConvertAll(Singles, v => v >= 255 ? (byte)255 : v > 0 ? (byte)v : (byte)0);
            default:
                byte[] rgb = ConvertToRgb().Bytes;
                byte[] grey = new byte[Width * Height];
                for (int i = 0, o = 0; o < grey.Length; i += 3, o++)
                {
                    grey[o] = (byte)((rgb[i] * 19595 + rgb[i + 1] * 38470 + rgb[i + 2] * 7471 + 0x8000) >> 16);
                }

                return grey;
        }
    }
}
