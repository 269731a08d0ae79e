namespace Aperture.Images;

public sealed partial class Image
{
    /// <summary>Turns the pixels upright as <see cref="Orientation"/> asks, like Pillow's <c>ImageOps.exif_transpose</c>.</summary>
    /// <returns>This image when it already is upright, else a new one whose orientation is <see cref="ImageOrientation.Upright"/>.</returns>
    public Image ApplyOrientation()
    {
        if (Orientation == ImageOrientation.Upright)
        {
            return this;
        }

        bool swaps = Orientation >= ImageOrientation.Transpose;
        (int width, int height) = swaps ? (Height, Width) : (Width, Height);
        Array turned = RawPixels switch
        {
            byte[] bytes => Turn(bytes, width, height),
            int[] integers => Turn(integers, width, height),
            var singles => Turn((float[])singles, width, height),
        };
        return With(turned, width, height, ImageOrientation.Upright);
    }

    /// <summary>Cuts out a rectangle; what lies outside the image is 0, like Pillow's <c>crop</c>.</summary>
    /// <param name="left">Left edge; may be negative.</param>
    /// <param name="top">Top edge; may be negative.</param>
    /// <param name="width">Width of the result, at least 1.</param>
    /// <param name="height">Height of the result, at least 1.</param>
    /// <returns>A new image of the same mode.</returns>
    public Image Crop(int left, int top, int width, int height)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        Array canvas = Array.CreateInstance(RawPixels.GetType().GetElementType()!, checked(width * height * Channels));
        CopyOnto(canvas, width, height, -(long)left, -(long)top);
        return With(canvas, width, height);
    }

    /// <summary>Puts another image on top of this one, like Pillow's <c>paste</c>; parts outside are cut off, alpha is copied and not blended.</summary>
    /// <param name="other">An image of the same mode.</param>
    /// <param name="left">Column of this image where its left edge comes to lie; may be negative.</param>
    /// <param name="top">Row of this image where its top edge comes to lie; may be negative.</param>
    /// <returns>A new image of this one's size.</returns>
    public Image Paste(Image other, int left, int top)
    {
        ArgumentNullException.ThrowIfNull(other);
        if (other.Mode != Mode)
        {
            throw new ArgumentException($"An image of mode {other.Mode} cannot be pasted on one of mode {Mode}.", nameof(other));
        }

        Array canvas = (Array)RawPixels.Clone();
        other.CopyOnto(canvas, Width, Height, left, top);
        return With(canvas, Width, Height);
    }

    /// <summary>
    /// Centres the image on a square canvas of one colour whose side is the longer edge, as LLaVA's <c>expand2square</c> does; only the shorter edge gets a
    /// margin, and the odd pixel falls to the right or the bottom.
    /// </summary>
    /// <param name="red">Red of the margin.</param>
    /// <param name="green">Green of the margin.</param>
    /// <param name="blue">Blue of the margin.</param>
    /// <returns>An RGB image; the RGB version of this one if it is square.</returns>
    /// <exception cref="ApertureException">The square would have more pixels than <see cref="ImageDecodeOptions.MaxPixels"/> allows by default.</exception>
    public Image PadToSquare(byte red, byte green, byte blue)
    {
        Image rgb = ConvertToRgb();
        if (Width == Height)
        {
            return rgb;
        }

        int side = Math.Max(Width, Height);
        if ((long)side * side > ImageDecodeOptions.Default.MaxPixels)
        {
            throw new ApertureException($"An image of {Width}x{Height} pixels is too elongated to be padded to a square of {side}x{side}: crop it first.");
        }

        return Filled(side, side, red, green, blue).Paste(rgb, (side - Width) / 2, (side - Height) / 2);
    }

    /// <summary>Resizes with <see cref="PilResize.Resize"/>.</summary>
    /// <param name="width">New width, at least 1.</param>
    /// <param name="height">New height, at least 1.</param>
    /// <param name="filter">The filter; modes P and Bilevel always take the nearest pixel.</param>
    /// <returns>A new image of the same mode, or this one if the size is the same.</returns>
    public Image Resize(int width, int height, ResampleFilter filter = ResampleFilter.Bicubic) => PilResize.Resize(this, width, height, filter);

    private void CopyOnto(Array canvas, int canvasWidth, int canvasHeight, long left, long top)
    {
        (long x0, long x1) = (Math.Max(0, left), Math.Min(canvasWidth, left + Width));
        (long y0, long y1) = (Math.Max(0, top), Math.Min(canvasHeight, top + Height));
        if (x0 >= x1)
        {
            return;
        }

        for (long y = y0; y < y1; y++)
        {
            Array.Copy(RawPixels, ((y - top) * Width + (x0 - left)) * Channels, canvas, (y * canvasWidth + x0) * Channels, (x1 - x0) * Channels);
        }
    }

    private T[] Turn<T>(T[] source, int width, int height)
    {
        T[] target = new T[source.Length];
        int channels = Channels;
        for (int y = 0, o = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++)
            {
                (int sx, int sy) = Orientation switch
                {
                    ImageOrientation.MirrorHorizontal => (Width - 1 - x, y),
                    ImageOrientation.Rotate180 => (Width - 1 - x, Height - 1 - y),
                    ImageOrientation.MirrorVertical => (x, Height - 1 - y),
                    ImageOrientation.Transpose => (y, x),
                    ImageOrientation.Rotate90 => (y, Height - 1 - x),
                    ImageOrientation.Transverse => (Width - 1 - y, Height - 1 - x),
                    ImageOrientation.Rotate270 => (Width - 1 - y, x),
                    _ => (x, y),
                };
                int i = (sy * Width + sx) * channels;
                for (int c = 0; c < channels; c++)
                {
                    target[o++] = source[i + c];
                }
            }
        }

        return target;
    }
}
