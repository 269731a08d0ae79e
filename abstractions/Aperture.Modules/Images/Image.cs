using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Images;

/// <summary>
/// An image in memory: interleaved pixels, row by row from the top left, immutable. Opening, converting and resizing give the numbers of Pillow bit for bit.
/// Thread-safe, since nothing in it changes.
/// </summary>
public sealed partial class Image
{
    private readonly byte[]? _bytes;
    private readonly int[]? _integers;
    private readonly float[]? _singles;
    private readonly byte[]? _palette; // 256 entries of RGBA, mode P only
    private readonly int? _transparentColour; // grey, or 0xRRGGBB: the colour that a PNG file names as transparent

    internal Image(
        ImageMode mode, int width, int height, Array pixels, byte[]? palette = null, int? transparentColour = null,
        ImageOrientation orientation = ImageOrientation.Upright)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        if (pixels.LongLength != (long)width * height * ChannelsOf(mode))
        {
            throw new ArgumentException(
                $"{pixels.LongLength} values for {width}x{height} pixels of mode {mode}; {(long)width * height * ChannelsOf(mode)} are needed.",
                nameof(pixels));
        }

        (Mode, Width, Height, Orientation) = (mode, width, height, orientation);
        _integers = mode == ImageMode.I ? (int[])pixels : null;
        _singles = mode == ImageMode.F ? (float[])pixels : null;
        _bytes = mode is ImageMode.I or ImageMode.F ? null : (byte[])pixels;
        _palette = mode == ImageMode.P ? palette ?? GreyPalette() : null;
        _transparentColour = transparentColour;
    }

    /// <summary>How a pixel is stored.</summary>
    public ImageMode Mode { get; }

    /// <summary>Width in pixels, as stored (<see cref="Orientation"/> is not applied).</summary>
    public int Width { get; }

    /// <summary>Height in pixels, as stored (<see cref="Orientation"/> is not applied).</summary>
    public int Height { get; }

    /// <summary>Values per pixel: 1 to 4.</summary>
    public int Channels => ChannelsOf(Mode);

    /// <summary>
    /// The file's EXIF orientation. Like Pillow, opening does not turn the pixels, those of TIFF apart, which are upright: call
    /// <see cref="ApplyOrientation"/>.
    /// </summary>
    public ImageOrientation Orientation { get; }

    /// <summary>The pixels of an 8-bit mode, [height, width, channels].</summary>
    /// <exception cref="InvalidOperationException">The mode is <see cref="ImageMode.I"/> or <see cref="ImageMode.F"/>.</exception>
    public ReadOnlySpan<byte> Pixels => Bytes;

    /// <summary>The pixels of mode <see cref="ImageMode.I"/>, [height, width].</summary>
    /// <exception cref="InvalidOperationException">The image has another mode.</exception>
    public ReadOnlySpan<int> IntegerPixels => Integers;

    /// <summary>The pixels of mode <see cref="ImageMode.F"/>, [height, width].</summary>
    /// <exception cref="InvalidOperationException">The image has another mode.</exception>
    public ReadOnlySpan<float> SinglePixels => Singles;

    internal byte[] Bytes => _bytes ?? throw new InvalidOperationException($"Pixels of an image of mode {Mode} are not bytes.");

    internal int[] Integers => _integers ?? throw new InvalidOperationException($"Pixels of an image of mode {Mode} are not integers.");

    internal float[] Singles => _singles ?? throw new InvalidOperationException($"Pixels of an image of mode {Mode} are not floats.");

    /// <summary>Makes an RGB image; the pixels are copied.</summary>
    /// <param name="rgb">[height, width, 3].</param>
    /// <param name="width">Width in pixels, at least 1.</param>
    /// <param name="height">Height in pixels, at least 1.</param>
    /// <returns>The image.</returns>
    public static Image FromRgb(byte[] rgb, int width, int height) => FromPixels(ImageMode.RGB, rgb, width, height);

    /// <summary>Makes an image of an 8-bit mode; the pixels are copied. Mode P gets a palette of 256 greys.</summary>
    /// <param name="mode">An 8-bit mode.</param>
    /// <param name="pixels">[height, width, channels]; mode Bilevel takes 0 for black and anything else for white.</param>
    /// <param name="width">Width in pixels, at least 1.</param>
    /// <param name="height">Height in pixels, at least 1.</param>
    /// <returns>The image.</returns>
    public static Image FromPixels(ImageMode mode, ReadOnlySpan<byte> pixels, int width, int height)
    {
        if (mode is ImageMode.I or ImageMode.F)
        {
            throw new ArgumentException($"Mode {mode} does not take bytes.", nameof(mode));
        }

        byte[] copy = pixels.ToArray();
        if (mode == ImageMode.Bilevel)
        {
            for (int i = 0; i < copy.Length; i++)
            {
                copy[i] = (byte)(copy[i] == 0 ? 0 : 255);
            }
        }

        return new Image(mode, width, height, copy);
    }

    /// <summary>Makes an image of mode <see cref="ImageMode.I"/>; the pixels are copied.</summary>
    /// <param name="pixels">[height, width].</param>
    /// <param name="width">Width in pixels, at least 1.</param>
    /// <param name="height">Height in pixels, at least 1.</param>
    /// <returns>The image.</returns>
    public static Image FromPixels(ReadOnlySpan<int> pixels, int width, int height) => new(ImageMode.I, width, height, pixels.ToArray());

    /// <summary>Makes an image of mode <see cref="ImageMode.F"/>; the pixels are copied.</summary>
    /// <param name="pixels">[height, width].</param>
    /// <param name="width">Width in pixels, at least 1.</param>
    /// <param name="height">Height in pixels, at least 1.</param>
    /// <returns>The image.</returns>
    public static Image FromPixels(ReadOnlySpan<float> pixels, int width, int height) => new(ImageMode.F, width, height, pixels.ToArray());

    /// <summary>Makes an RGB image of one colour.</summary>
    /// <param name="width">Width in pixels, at least 1.</param>
    /// <param name="height">Height in pixels, at least 1.</param>
    /// <param name="red">Red, 0 to 255.</param>
    /// <param name="green">Green, 0 to 255.</param>
    /// <param name="blue">Blue, 0 to 255.</param>
    /// <returns>The image.</returns>
    public static Image Filled(int width, int height, byte red, byte green, byte blue)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        byte[] pixels = new byte[checked(width * height * 3)];
        for (int i = 0; i < pixels.Length; i += 3)
        {
            (pixels[i], pixels[i + 1], pixels[i + 2]) = (red, green, blue);
        }

        return new Image(ImageMode.RGB, width, height, pixels);
    }

    /// <summary>
    /// The pixels as a tensor: uint8 (int32 for mode I, float32 for mode F), [height, width] for one channel, else [height, width, channels].
    /// </summary>
    /// <returns>A new tensor on the CPU; the caller disposes it.</returns>
    public Tensor ToTensor()
    {
        long[] shape = Channels == 1 ? [Height, Width] : [Height, Width, Channels];
        return Mode switch
        {
            ImageMode.I => tensor(Integers, shape, dtype: ScalarType.Int32),
            ImageMode.F => tensor(Singles, shape, dtype: ScalarType.Float32),
            _ => tensor(Bytes, shape, dtype: ScalarType.Byte),
        };
    }

    internal static int ChannelsOf(ImageMode mode) => mode switch
    {
        ImageMode.LA => 2,
        ImageMode.RGB => 3,
        ImageMode.RGBA => 4,
        _ => 1,
    };

    internal Array RawPixels => (Array?)_bytes ?? (Array?)_integers ?? _singles!;

    /// <summary>An image of the same mode, palette and transparent colour with other pixels.</summary>
    internal Image With(Array pixels, int width, int height, ImageOrientation? orientation = null) =>
        new(Mode, width, height, pixels, _palette, _transparentColour, orientation ?? Orientation);

    private static byte[] GreyPalette()
    {
        byte[] palette = new byte[256 * 4];
        for (int i = 0; i < 256; i++)
        {
            palette[4 * i] = palette[4 * i + 1] = palette[4 * i + 2] = (byte)i;
            palette[4 * i + 3] = 255;
        }

        return palette;
    }
}
