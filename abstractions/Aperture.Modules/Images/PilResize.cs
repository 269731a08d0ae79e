namespace Aperture.Images;

/// <summary>
/// Resizing that equals Pillow's bit for bit: antialiased when shrinking, two passes (along x, then along y; the other way round
/// when the height shrinks much more than the width), each rounded to the pixel type. The reference is Pillow 13; versions up to 12 always go along x first.
/// Models were trained on images made this way; torch's and Skia's filters give other numbers.
/// </summary>
public static class PilResize
{
    private const long LargestImage = 1L << 31; // values; what one array can hold

    /// <summary>Resizes an image or a part of it, like Pillow's <c>Image.resize</c>.</summary>
    /// <param name="image">The image. RGBA and LA are resampled with premultiplied alpha; P and Bilevel always take the nearest pixel.</param>
    /// <param name="width">New width, at least 1.</param>
    /// <param name="height">New height, at least 1.</param>
    /// <param name="filter">The filter.</param>
    /// <param name="box">The part to resize, within the image; null for the whole image. Rounded to single precision, as Pillow does.</param>
    /// <param name="reducingGap">
    /// At least 1: shrink by whole factors with <see cref="Reduce"/> first and leave this factor to the filter, faster and nearly as good; null for the filter
    /// alone. Like in Pillow it has no effect on modes with alpha.
    /// </param>
    /// <returns>A new image of the same mode, or <paramref name="image"/> itself if nothing changes.</returns>
    /// <exception cref="ApertureException">The result would be too large for memory.</exception>
    public static Image Resize(
        Image image, int width, int height, ResampleFilter filter = ResampleFilter.Bicubic, ImageBox? box = null, double? reducingGap = null)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        ImageBox whole = new(0, 0, image.Width, image.Height);
        ImageBox part = box ?? whole;
        if (!(part.Left >= 0 && part.Top >= 0 && part.Right <= image.Width && part.Bottom <= image.Height && part.Width > 0 && part.Height > 0))
        {
            throw new ArgumentException($"Box {part} is empty or not within {image.Width}x{image.Height} pixels.", nameof(box));
        }

        if (reducingGap is < 1.0 or double.NaN)
        {
            throw new ArgumentOutOfRangeException(nameof(reducingGap), reducingGap, "The reducing gap is at least 1.");
        }

        if (image.Width == width && image.Height == height && part == whole)
        {
            return image;
        }

        filter = image.Mode is ImageMode.P or ImageMode.Bilevel ? ResampleFilter.Nearest : filter;
        if (reducingGap is { } gap && filter != ResampleFilter.Nearest && !HasAlpha(image))
        {
            (int factorX, int factorY) = (Math.Max(1, (int)(part.Width / width / gap)), Math.Max(1, (int)(part.Height / height / gap)));
            if (factorX > 1 || factorY > 1)
            {
                ImageBox safe = SafeBox(image, width, height, filter, part);
                image = Reduce(image, factorX, factorY, safe);
                part = new ImageBox(
                    (part.Left - safe.Left) / factorX, (part.Top - safe.Top) / factorY, (part.Right - safe.Left) / factorX, (part.Bottom - safe.Top) / factorY);
            }
        }

        return ResizeWindow(image, width, height, filter, part, 0, 0, width, height);
    }

    /// <summary>
    /// Shrinks by whole factors, each output pixel the mean of a block, like Pillow's <c>Image.reduce</c>. Incomplete blocks at the right and bottom count.
    /// </summary>
    /// <param name="image">An image of any mode but P and Bilevel.</param>
    /// <param name="factorX">Width of a block, at least 1.</param>
    /// <param name="factorY">Height of a block, at least 1.</param>
    /// <param name="box">The part to shrink, in whole pixels within the image; null for the whole image.</param>
    /// <returns>A new image of the same mode.</returns>
    public static Image Reduce(Image image, int factorX, int factorY, ImageBox? box = null)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentOutOfRangeException.ThrowIfLessThan(factorX, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(factorY, 1);
        if (image.Mode is ImageMode.P or ImageMode.Bilevel)
        {
            throw new ArgumentException($"An image of mode {image.Mode} cannot be averaged.", nameof(image));
        }

        ImageBox part = box ?? new ImageBox(0, 0, image.Width, image.Height);
        (int Left, int Top, int Width, int Height) region = (Left: (int)part.Left, Top: (int)part.Top, Width: (int)part.Width, Height: (int)part.Height);
        if (region.Left < 0 || region.Top < 0 || region.Width < 1 || region.Height < 1 || part.Right > image.Width || part.Bottom > image.Height)
        {
            throw new ArgumentException($"Box {part} is empty or not within {image.Width}x{image.Height} pixels.", nameof(box));
        }

        (int stepX, int stepY) = (Math.Min(factorX, region.Width), Math.Min(factorY, region.Height));
        if ((long)stepX * stepY >= 1 << 24)
        {
            throw new ArgumentOutOfRangeException(nameof(factorX), factorX, "A block has fewer than 2^24 pixels.");
        }

        int channels = image.Channels;
        bool alpha = HasAlpha(image);
        Array pixels = image.RawPixels switch
        {
            byte[] bytes => BoxReducer.Reduce(alpha ? PremultipliedAlpha.Multiply(bytes, channels) : bytes, image.Width, channels, region, stepX, stepY),
            int[] integers => BoxReducer.Reduce(integers, image.Width, region, stepX, stepY),
            var singles => BoxReducer.Reduce((float[])singles, image.Width, region, stepX, stepY),
        };
        pixels = alpha ? PremultipliedAlpha.Divide((byte[])pixels, channels) : pixels;
        return image.With(pixels, BoxReducer.Blocks(region.Width, stepX), BoxReducer.Blocks(region.Height, stepY));
    }

    /// <summary>Shrinks to fit a size and keeps the aspect ratio, like Pillow's <c>Image.thumbnail</c>.</summary>
    /// <param name="image">The image.</param>
    /// <param name="maxWidth">Largest width, at least 1.</param>
    /// <param name="maxHeight">Largest height, at least 1.</param>
    /// <param name="filter">The filter.</param>
    /// <param name="reducingGap">See <see cref="Resize"/>; Pillow's default is 2.</param>
    /// <returns>A new image, or <paramref name="image"/> itself if it already fits.</returns>
    public static Image Thumbnail(Image image, int maxWidth, int maxHeight, ResampleFilter filter = ResampleFilter.Bicubic, double? reducingGap = 2.0)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxWidth, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxHeight, 1);
        if (maxWidth >= image.Width && maxHeight >= image.Height)
        {
            return image;
        }

        double aspect = (double)image.Width / image.Height;
        (int width, int height) = (maxWidth, maxHeight);
        if ((double)maxWidth / maxHeight >= aspect)
        {
            width = Closest(maxHeight * aspect, n => Math.Abs(aspect - (double)n / maxHeight));
        }
        else
        {
            height = Closest(maxWidth / aspect, n => n == 0 ? 0 : Math.Abs(aspect - (double)maxWidth / n));
        }

        return Resize(image, width, height, filter, reducingGap: reducingGap);
    }

    /// <summary>
    /// The rectangle [left, left + windowWidth) x [top, top + windowHeight) of what a resize to width x height gives, without computing the rest.
    /// </summary>
    internal static Image ResizeWindow(
        Image image, int width, int height, ResampleFilter filter, ImageBox box, int left, int top, int windowWidth, int windowHeight)
    {
        // Pillow hands the box on in single precision
        (float l, float t, float r, float b) = ((float)box.Left, (float)box.Top, (float)box.Right, (float)box.Bottom);
        if (l == MathF.Truncate(l) && t == MathF.Truncate(t) && r - l == width && b - t == height)
        {
            Image part = image.Crop((int)l + left, (int)t + top, windowWidth, windowHeight);
            return filter != ResampleFilter.Nearest && HasAlpha(image)
                ? image.With(PremultipliedAlpha.Divide(PremultipliedAlpha.Multiply(part.Bytes, part.Channels), part.Channels), windowWidth, windowHeight)
                : part;
        }

        if ((long)windowWidth * windowHeight * image.Channels >= LargestImage || (long)windowWidth * image.Height * image.Channels >= LargestImage)
        {
            throw new ApertureException(
                $"An image of {image.Width}x{image.Height} pixels cannot be resized to {width}x{height}: too large for memory; crop it first or ask for a "
                + "smaller size.");
        }

        if (filter == ResampleFilter.Nearest)
        {
            return NearestSampler.Resize(image, width, height, (l, t, r, b), left, top, windowWidth, windowHeight);
        }

        ResampleWeights? alongX = width != image.Width || l != 0 || r != width
            ? ResampleWeights.Compute(image.Width, l, r, width, filter, left, windowWidth)
            : null;
        ResampleWeights? alongY = height != image.Height || t != 0 || b != height
            ? ResampleWeights.Compute(image.Height, t, b, height, filter, top, windowHeight)
            : null;
        bool verticalFirst = alongX is not null && alongY is not null && ShrinksMostlyInHeight(image, width, height);
        Array pixels = image.RawPixels switch
        {
            byte[] bytes => Passes(bytes, image, alongX, alongY, verticalFirst, left, top, windowWidth, windowHeight),
            int[] integers => WidePasses(integers, image, alongX, alongY, verticalFirst, left, top, windowWidth, windowHeight),
            var singles => WidePasses((float[])singles, image, alongX, alongY, verticalFirst, left, top, windowWidth, windowHeight),
        };
        return image.With(pixels, windowWidth, windowHeight);
    }

    private static byte[] Passes(
        byte[] pixels, Image image, ResampleWeights? alongX, ResampleWeights? alongY, bool verticalFirst, int left, int top, int windowWidth, int windowHeight)
    {
        int channels = image.Channels;
        bool alpha = HasAlpha(image);
        (int x, int y) = (alongX?.SourceStart ?? left, alongY?.SourceStart ?? top);
        (int width, int height) = ((alongX?.SourceEnd ?? left + windowWidth) - x, (alongY?.SourceEnd ?? top + windowHeight) - y);
        pixels = alpha ? PremultipliedAlpha.Multiply(pixels, channels) : pixels;
        if (verticalFirst)
        {
            pixels = Part(pixels, image, x, y, width, height);
            pixels = ByteResampler.Vertical(pixels, width * channels, y, alongY!);
            pixels = ByteResampler.Horizontal(pixels, width, channels, x, 0, windowHeight, alongX!);
        }
        else
        {
            pixels = alongX is null ? Part(pixels, image, x, y, width, height) : ByteResampler.Horizontal(pixels, image.Width, channels, 0, y, height, alongX);
            pixels = alongY is null ? pixels : ByteResampler.Vertical(pixels, windowWidth * channels, y, alongY);
        }

        return alpha ? PremultipliedAlpha.Divide(pixels, channels) : pixels;
    }

    private static T[] WidePasses<T>(
        T[] pixels, Image image, ResampleWeights? alongX, ResampleWeights? alongY, bool verticalFirst, int left, int top, int windowWidth, int windowHeight)
        where T : struct
    {
        (int x, int y) = (alongX?.SourceStart ?? left, alongY?.SourceStart ?? top);
        (int width, int height) = ((alongX?.SourceEnd ?? left + windowWidth) - x, (alongY?.SourceEnd ?? top + windowHeight) - y);
        if (verticalFirst)
        {
            pixels = WideResampler.Vertical(Part(pixels, image, x, y, width, height), width, y, alongY!);
            return WideResampler.Horizontal(pixels, width, x, 0, windowHeight, alongX!);
        }

        pixels = alongX is null ? Part(pixels, image, x, y, width, height) : WideResampler.Horizontal(pixels, image.Width, 0, y, height, alongX);
        return alongY is null ? pixels : WideResampler.Vertical(pixels, windowWidth, y, alongY);
    }

    private static T[] Part<T>(T[] pixels, Image image, int x, int y, int width, int height)
    {
        if (width == image.Width)
        {
            return y == 0 && height == image.Height ? pixels : pixels.AsSpan(y * width * image.Channels, height * width * image.Channels).ToArray();
        }

        T[] part = new T[height * width * image.Channels];
        for (int row = 0; row < height; row++)
        {
            Array.Copy(pixels, ((y + row) * image.Width + x) * image.Channels, part, row * width * image.Channels, width * image.Channels);
        }

        return part;
    }

    /// <summary>
    /// Since version 13 Pillow runs the vertical pass first when the height shrinks much more than the width, which changes a good part of the pixels by one
    /// level. The size of "much more" is inferred from recorded results; every one of them agrees.
    /// </summary>
    private static bool ShrinksMostlyInHeight(Image image, int width, int height) =>
        height < image.Height && (long)image.Height - height > 2 * ((long)image.Width - width);

    private static bool HasAlpha(Image image) => image.Mode is ImageMode.LA or ImageMode.RGBA;

    private static ImageBox SafeBox(Image image, int width, int height, ResampleFilter filter, ImageBox box)
    {
        double support = ResampleWeights.Support(filter) - 0.5;
        (double marginX, double marginY) = (support * (box.Width / width), support * (box.Height / height));
        return new ImageBox(
            Math.Max(0, Math.Truncate(box.Left - marginX)),
            Math.Max(0, Math.Truncate(box.Top - marginY)),
            Math.Min(image.Width, Math.Ceiling(box.Right + marginX)),
            Math.Min(image.Height, Math.Ceiling(box.Bottom + marginY)));
    }

    private static int Closest(double number, Func<int, double> distance)
    {
        (int floor, int ceiling) = ((int)Math.Floor(number), (int)Math.Ceiling(number));
        return Math.Max(1, distance(ceiling) < distance(floor) ? ceiling : floor);
    }
}
