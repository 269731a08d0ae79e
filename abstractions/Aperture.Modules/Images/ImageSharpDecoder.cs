using System.Runtime.InteropServices;
using SixLabors.ImageSharp;
using SixLabors.ImageSharp.Formats;
using SixLabors.ImageSharp.Memory;
using SixLabors.ImageSharp.PixelFormats;

namespace Aperture.Images;

/// <summary>
/// Runs decoders of SixLabors.ImageSharp over untrusted bytes. They fill up with black what a file does not have, so every reader first checks that the
/// file is whole and not too large, and hands over no more of it than the pixels need.
/// </summary>
internal static class ImageSharpDecoder
{
    /// <summary>Nothing is pooled, and no single request exceeds what the largest image allowed by default takes at 8 bytes a pixel.</summary>
    private static readonly Configuration _configuration = new()
    {
        MemoryAllocator = MemoryAllocator.Create(new MemoryAllocatorOptions { MaximumPoolSizeMegabytes = 0, AllocationLimitMegabytes = 2048 }),
    };

    /// <summary>Decodes the first frame; the caller disposes it.</summary>
    /// <exception cref="ApertureException">The decoder refuses the bytes, in whatever way.</exception>
    public static Image<TPixel> Decode<TPixel>(IImageDecoder decoder, byte[] file, ImageSource source)
        where TPixel : unmanaged, IPixel<TPixel>
        => Guarded(source, () => decoder.Decode<TPixel>(_configuration, new MemoryStream(file, writable: false), CancellationToken.None));

    /// <summary>Reads the header.</summary>
    /// <exception cref="ApertureException">The decoder refuses the bytes, in whatever way.</exception>
    public static IImageInfo Identify(IImageInfoDetector decoder, byte[] file, ImageSource source)
        => Guarded(source, () => decoder.Identify(_configuration, new MemoryStream(file, writable: false), CancellationToken.None));

    /// <summary>Decodes to bytes, [height, width, channels of the pixel type], and disposes what was between.</summary>
    public static byte[] Bytes<TPixel>(IImageDecoder decoder, byte[] file, ImageSource source)
        where TPixel : unmanaged, IPixel<TPixel>
    {
        using Image<TPixel> image = Decode<TPixel>(decoder, file, source);
        byte[] bytes = new byte[checked(image.Width * image.Height * Marshal.SizeOf<TPixel>())];
        image.CopyPixelDataTo(bytes);
        return bytes;
    }

    /// <summary>Decodes samples of 16 bits and keeps the high byte of each, as Pillow does, where ImageSharp's own conversion rounds.</summary>
    public static byte[] HighBytes<TPixel>(IImageDecoder decoder, byte[] file, ImageSource source)
        where TPixel : unmanaged, IPixel<TPixel>
    {
        using Image<TPixel> image = Decode<TPixel>(decoder, file, source);
        byte[] bytes = new byte[checked(image.Width * image.Height * Marshal.SizeOf<TPixel>() / sizeof(ushort))];
        image.ProcessPixelRows(rows =>
        {
            int filled = 0;
            for (int y = 0; y < rows.Height; y++)
            {
                foreach (ushort sample in MemoryMarshal.Cast<TPixel, ushort>(rows.GetRowSpan(y)))
                {
                    bytes[filled++] = (byte)(sample >> 8);
                }
            }
        });
        return bytes;
    }

    /// <summary>Decodes grey of 16 bits to integers, [height, width].</summary>
    public static int[] Integers(IImageDecoder decoder, byte[] file, ImageSource source)
    {
        using Image<L16> image = Decode<L16>(decoder, file, source);
        int[] integers = new int[checked(image.Width * image.Height)];
        image.ProcessPixelRows(rows =>
        {
            int filled = 0;
            for (int y = 0; y < rows.Height; y++)
            {
                foreach (L16 pixel in rows.GetRowSpan(y))
                {
                    integers[filled++] = pixel.PackedValue;
                }
            }
        });
        return integers;
    }

    // The decoders have exceptions of their own, but damaged bytes also bring out indices out of range, overflows and null references.
    private static T Guarded<T>(ImageSource source, Func<T> read)
        where T : class
    {
        try
        {
            return read() ?? throw source.Damaged("its header cannot be understood");
        }
        catch (Exception error) when (error is not ApertureException and not OutOfMemoryException)
        {
            string reason = error.Message.ReplaceLineEndings(" ").TrimEnd('.');
            throw new ApertureException(source.Damaged($"it cannot be decoded ({reason})").Message, error);
        }
    }
}
