using Aperture.Images;
using CsCheck;

namespace Aperture.Abstractions.Tests.Images;

public sealed class PilResizeTests
{
    private static readonly ResampleFilter[] _filters = Enum.GetValues<ResampleFilter>();

    private static readonly Gen<ResampleFilter> _anyFilter = OneOf(_filters);

    private static readonly Gen<ImageMode> _anyByteMode = OneOf(ImageMode.L, ImageMode.LA, ImageMode.RGB, ImageMode.RGBA, ImageMode.P);

    [Fact]
    public void Same_size_returns_the_image_itself()
    {
        Image image = Noise(ImageMode.RGB, 7, 5, seed: 1);

        Assert.All(_filters, filter => Assert.Same(image, PilResize.Resize(image, 7, 5, filter)));
    }

    [Fact]
    public void A_whole_pixel_box_of_the_asked_size_is_cut_out()
    {
        Image image = Noise(ImageMode.RGB, 9, 8, seed: 2);

        Image part = PilResize.Resize(image, 4, 3, ResampleFilter.Lanczos, new ImageBox(2, 1, 6, 4));

        Assert.Equal(image.Crop(2, 1, 4, 3).Pixels, part.Pixels);
    }

    [Fact]
    public void A_constant_image_stays_constant() =>
        Gen.Select(_anyFilter, Gen.Int[1, 40], Gen.Int[1, 40], Gen.Int[1, 60], Gen.Int[1, 60], Gen.Byte[0, 255]).Sample((filter, w, h, width, height, value) =>
        {
            Image image = Image.Filled(w, h, value, (byte)(255 - value), 7);

            Image resized = PilResize.Resize(image, width, height, filter);

            return resized.Pixels.SequenceEqual(Image.Filled(width, height, value, (byte)(255 - value), 7).Pixels);
        }, iter: 300);

    [Fact]
    public void Every_mode_keeps_its_mode_and_gets_the_size() =>
        Gen.Select(_anyByteMode, _anyFilter, Gen.Int[1, 20], Gen.Int[1, 20], Gen.Int[1, 30], Gen.Int[1, 30]).Sample((mode, filter, w, h, width, height) =>
        {
            Image resized = PilResize.Resize(Noise(mode, w, h, seed: w + h), width, height, filter);

            return resized.Mode == mode && resized.Width == width && resized.Height == height && resized.Pixels.Length == width * height * resized.Channels;
        }, iter: 200);

    // The plain sum over the filter's weights; the library's vector paths must give the same integers.
    [Fact]
    public void One_axis_equals_the_plain_weighted_sum() =>
        Gen.Select(
            OneOf(ImageMode.L, ImageMode.RGB), OneOf(ResampleFilter.Bicubic, ResampleFilter.Bilinear, ResampleFilter.Lanczos), Gen.Int[1, 50], Gen.Int[1, 50],
            Gen.Int[1, 90], Gen.Bool)
            .Sample((mode, filter, w, h, size, alongX) =>
            {
                Image image = Noise(mode, w, h, seed: 31 * w + h);
                (int width, int height) = alongX ? (size, h) : (w, size);
                if ((width, height) == (w, h))
                {
                    return true;
                }

                return PlainSum(image, width, height, filter).AsSpan().SequenceEqual(PilResize.Resize(image, width, height, filter).Pixels);
            }, iter: 400);

    [Fact]
    public void Mirroring_commutes_with_resizing_to_within_one_level() =>
        Gen.Select(OneOf(ResampleFilter.Bicubic, ResampleFilter.Bilinear, ResampleFilter.Hamming), Gen.Int[2, 40], Gen.Int[2, 40], Gen.Int[1, 50])
            .Sample((filter, w, h, width) =>
        {
            Image image = Noise(ImageMode.L, w, h, seed: w * h);

            Image first = PilResize.Resize(Mirror(image), width, h, filter);
            Image last = Mirror(PilResize.Resize(image, width, h, filter));

            return first.Pixels.ToArray().Zip(last.Pixels.ToArray()).All(pair => Math.Abs(pair.First - pair.Second) <= 1);
        }, iter: 200);

    [Fact]
    public void Float_and_integer_modes_are_resized_without_clipping()
    {
        Image singles = Image.FromPixels([-1000f, 3000f], 2, 1);
        Image integers = Image.FromPixels([-1000, 3001], 2, 1);

        Assert.Equal([1000f], PilResize.Resize(singles, 1, 1, ResampleFilter.Bilinear).SinglePixels.ToArray());
        Assert.Equal([1001], PilResize.Resize(integers, 1, 1, ResampleFilter.Bilinear).IntegerPixels.ToArray());
    }

    [Fact]
    public void Palette_and_bilevel_images_take_the_nearest_pixel_whatever_is_asked()
    {
        foreach (ImageMode mode in new[] { ImageMode.P, ImageMode.Bilevel })
        {
            Image image = Noise(mode, 11, 6, seed: 3);

            Assert.All(
                _filters, filter => Assert.Equal(PilResize.Resize(image, 5, 13, ResampleFilter.Nearest).Pixels, PilResize.Resize(image, 5, 13, filter).Pixels));
        }
    }

    [Fact]
    public void Transparent_pixels_do_not_bleed_their_colour_and_division_truncates()
    {
        Image image = Image.FromPixels(ImageMode.RGBA, [200, 100, 50, 255, 0, 255, 0, 0], 2, 1);

        Assert.Equal([199, 99, 49, 128], PilResize.Resize(image, 1, 1, ResampleFilter.Box).Pixels.ToArray());
    }

    [Fact]
    public void Reduce_averages_blocks_and_what_is_left_of_them()
    {
        Image image = Image.FromPixels(ImageMode.L, [0, 10, 20, 30, 40, 50], 3, 2);

        Assert.Equal([20, 35], PilResize.Reduce(image, 2, 2).Pixels.ToArray());
    }

    [Theory]
    [InlineData(100, 50, 20, 20, 20, 10)]
    [InlineData(37, 53, 20, 20, 14, 20)]
    [InlineData(1000, 3, 10, 10, 10, 1)]
    [InlineData(8, 8, 20, 20, 8, 8)]
    public void Thumbnail_fits_and_keeps_the_aspect_ratio(int width, int height, int maxWidth, int maxHeight, int expectedWidth, int expectedHeight)
    {
        Image thumbnail = PilResize.Thumbnail(Image.Filled(width, height, 1, 2, 3), maxWidth, maxHeight);

        Assert.Equal((expectedWidth, expectedHeight), (thumbnail.Width, thumbnail.Height));
    }

    [Fact]
    public void A_box_outside_the_image_and_sizes_below_one_are_refused()
    {
        Image image = Image.Filled(4, 4, 0, 0, 0);

        Assert.Throws<ArgumentException>(() => PilResize.Resize(image, 2, 2, box: new ImageBox(0, 0, 4.5, 4)));
        Assert.Throws<ArgumentException>(() => PilResize.Resize(image, 2, 2, box: new ImageBox(2, 0, 2, 4)));
        Assert.Throws<ArgumentException>(() => PilResize.Resize(image, 2, 2, box: new ImageBox(double.NaN, 0, 4, 4)));
        Assert.Throws<ArgumentOutOfRangeException>(() => PilResize.Resize(image, 0, 2));
        Assert.Throws<ApertureException>(() => PilResize.Resize(image, 100_000, 100_000));
    }

    private static Gen<T> OneOf<T>(params T[] values) => Gen.Int[0, values.Length - 1].Select(i => values[i]);

    internal static Image Noise(ImageMode mode, int width, int height, int seed)
    {
        byte[] pixels = new byte[width * height * Image.ChannelsOf(mode)];
        new Random(seed).NextBytes(pixels);
        return Image.FromPixels(mode, pixels, width, height);
    }

    private static Image Mirror(Image image)
    {
        byte[] pixels = image.Pixels.ToArray();
        for (int y = 0; y < image.Height; y++)
        {
            pixels.AsSpan(y * image.Width, image.Width).Reverse();
        }

        return Image.FromPixels(image.Mode, pixels, image.Width, image.Height);
    }

    private static byte[] PlainSum(Image image, int width, int height, ResampleFilter filter)
    {
        (double support, Func<double, double>? kernel) = filter switch
        {
            ResampleFilter.Bilinear => (1.0, (Func<double, double>)(x => Math.Max(0, 1 - Math.Abs(x)))),
            ResampleFilter.Bicubic
                => (2.0, x => Math.Abs(x) < 1 ? (1.5 * Math.Abs(x) - 2.5) * x * x + 1
                    : Math.Abs(x) < 2 ? (((Math.Abs(x) - 5) * Math.Abs(x) + 8) * Math.Abs(x) - 4) * -0.5
                    : 0),
            _ => (3.0, x => x == 0 ? 1 : Math.Abs(x) >= 3 ? 0 : Math.Sin(x * Math.PI) / (x * Math.PI) * Math.Sin(x / 3 * Math.PI) / (x / 3 * Math.PI)),
        };
        (int length, int size) = width != image.Width ? (image.Width, width) : (image.Height, height);
        double scale = (double)length / size;
        double stretch = Math.Max(1, scale);
        byte[] result = new byte[width * height * image.Channels];
        for (int i = 0; i < result.Length; i++)
        {
            (int c, int x, int y) = (i % image.Channels, i / image.Channels % width, i / image.Channels / width);
            double centre = ((width != image.Width ? x : y) + 0.5) * scale;
            int first = Math.Max(0, (int)(centre - support * stretch + 0.5));
            int end = Math.Min(length, (int)(centre + support * stretch + 0.5));
            double[] weights = Enumerable.Range(first, end - first).Select(k => kernel((k - centre + 0.5) * (1 / stretch))).ToArray();
            double total = weights.Aggregate(0.0, (sum, w) => sum + w);
            long value = 1 << 21;
            for (int k = first; k < end; k++)
            {
                double weight = weights[k - first] / total * (1 << 22);
                int index = width != image.Width ? (y * image.Width + k) * image.Channels + c : (k * image.Width + x) * image.Channels + c;
                value += image.Pixels[index] * (long)(weight < 0 ? weight - 0.5 : weight + 0.5);
            }

            result[i] = (byte)Math.Clamp(value >> 22, 0, 255);
        }

        return result;
    }
}
