using SixLabors.ImageSharp.Formats.Tiff;
using SixLabors.ImageSharp.Metadata;
using SixLabors.ImageSharp.PixelFormats;

namespace Aperture.Images;

/// <summary>
/// Reads the first page of a TIFF file in strips: grey in mode Bilevel, L or I by its depth, colours in RGB or RGBA, of 16 bits the high byte. What
/// ImageSharp does not read (tiles, CMYK, Lab, some compressions) is refused by its own words.
/// </summary>
internal static class TiffReader
{
    private const int Uncompressed = 1;

    public static Image Read(ReadOnlySpan<byte> bytes, ImageSource source)
    {
        TiffDirectory tags = new(bytes);
        (long width, long height) = (tags.First(256, 0), tags.First(257, 0));
        (long depth, long samples) = (tags.First(258, 1), tags.First(277, 1));
        source.CheckSize(width, height, bytesPerPixel: 4);
        if (depth is not (1 or 2 or 4 or 8 or 16) || samples is < 1 or > 4)
        {
            throw new ApertureException($"Image {source.Name} is a TIFF file of {samples} samples with {depth} bits: convert it to PNG of 8 or 16 bits.");
        }

        CheckStrips(tags, (width * depth * samples + 7) / 8 * height, bytes.Length, source);
        byte[] file = bytes.ToArray();
        file.AsSpan(tags.NextAt, Math.Clamp(file.Length - tags.NextAt, 0, 4)).Clear(); // other pages are not even looked at
        TiffDecoder decoder = new() { DecodingMode = FrameDecodingMode.First };
        bool palette = tags.First(262, 2) == 3;
        (ImageMode mode, Array pixels) = (palette ? 3 : samples, depth) switch
        {
            (1, 1) => (ImageMode.Bilevel, ImageSharpDecoder.Bytes<L8>(decoder, file, source)),
            (1, 16) => (ImageMode.I, ImageSharpDecoder.Integers(decoder, file, source)),
            (1, _) => (ImageMode.L, ImageSharpDecoder.Bytes<L8>(decoder, file, source)),
            (4, 16) => (ImageMode.RGBA, ImageSharpDecoder.HighBytes<Rgba64>(decoder, file, source)),
            (4, _) => (ImageMode.RGBA, ImageSharpDecoder.Bytes<Rgba32>(decoder, file, source)),
            (_, 16) => (ImageMode.RGB, ImageSharpDecoder.HighBytes<Rgb48>(decoder, file, source)),
            _ => (ImageMode.RGB, (Array)ImageSharpDecoder.Bytes<Rgb24>(decoder, file, source)),
        };
        return new Image(mode, (int)width, (int)height, pixels, orientation: ExifOrientation.FromTiff(bytes)).ApplyOrientation(); // as Pillow opens them
    }

    // ImageSharp leaves the rows of strips black that the file does not hold.
    private static void CheckStrips(TiffDirectory tags, long raw, int length, ImageSource source)
    {
        (long[] offsets, long[] counts) = (tags.Values(273), tags.Values(279));
        if (offsets.Length == 0 || offsets.Length != counts.Length)
        {
            throw source.Damaged("it has no strips of pixels, or says nothing of their lengths");
        }

        for (int i = 0; i < offsets.Length; i++)
        {
            if (offsets[i] + counts[i] > length)
            {
                throw source.Truncated();
            }
        }

        if (tags.First(259, Uncompressed) == Uncompressed && counts.Sum() < raw)
        {
            throw source.Truncated();
        }
    }
}
