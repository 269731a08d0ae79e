using System.Buffers.Binary;
using System.IO.Compression;
using SixLabors.ImageSharp.Formats.Png;
using SixLabors.ImageSharp.PixelFormats;

namespace Aperture.Images;

/// <summary>
/// Reads PNG of every colour type and depth into the mode in which Pillow opens it. ImageSharp decodes a file of the size and the pixels alone: palette
/// indices as the grey values they are written like, 16-bit samples whole. The checksum of the pixel data is not checked, as in Pillow.
/// </summary>
internal static class PngReader
{
    /// <summary>No deflate stream expands further than this.</summary>
    private const long DeflateRatio = 1032;

    /// <summary>The flag in the second byte of a zlib stream.</summary>
    private const byte PresetDictionary = 0x20;

    public static ReadOnlySpan<byte> Signature => [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A];

    /// <summary>The seven passes of an interlaced file: the first column and row of each and the steps between them.</summary>
    private static (int X, int Y, int StepX, int StepY)[] Adam7 =>
        [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)];

    public static Image Read(ReadOnlySpan<byte> file, ImageSource source)
    {
        PngChunks chunks = PngChunks.Read(file, source);
        PngLayout layout = PngLayout.Of(chunks, source);
        source.CheckSize(chunks.Width, chunks.Height, layout.Wide ? sizeof(int) : layout.Channels);
        (int width, int height) = ((int)chunks.Width, (int)chunks.Height);
        if (layout.RawBytes(width, height) / DeflateRatio > chunks.Data.Length)
        {
            throw source.Truncated();
        }

        if (chunks.Data.Length > 1 && (chunks.Data[1] & PresetDictionary) != 0)
        {
            throw source.Damaged("its pixels are compressed with a dictionary that the file does not have");
        }

        Array pixels;
        try
        {
            pixels = chunks.Interlaced
                ? Interlaced(chunks.Data, layout, width, height, source)
                : Decode(Whole(chunks.Data, layout.RawBytes(width, height), source), layout, width, height, source);
        }
        catch (Exception error) when (error is InvalidDataException or IOException)
        {
            throw new ApertureException(source.Damaged("its compressed pixels are corrupt or cut off").Message, error);
        }

        return new Image(
            layout.Mode, width, height, pixels, layout.Mode == ImageMode.P ? chunks.Palette(source) : null, layout.TransparentColour(chunks.Transparency),
            ExifOrientation.FromTiff(chunks.Exif));
    }

    // Inflates once to see that all rows are there, because ImageSharp leaves missing rows black and says nothing.
    private static byte[] Whole(byte[] data, long length, ImageSource source)
    {
        byte[] buffer = new byte[1 << 16];
        using ZLibStream pixels = new(new MemoryStream(data), CompressionMode.Decompress);
        while (length > 0)
        {
            int read = pixels.Read(buffer, 0, (int)Math.Min(length, buffer.Length));
            length -= read > 0 ? read : throw source.Truncated();
        }

        return data;
    }

    // Each pass is a picture of its own. ImageSharp 2.1 never returns from an interlaced file that is cut off, and mixes up rows of less than five pixels.
    private static Array Interlaced(byte[] data, PngLayout layout, int width, int height, ImageSource source)
    {
        Array pixels = layout.Wide ? new int[width * height] : new byte[width * height * layout.Channels];
        using ZLibStream stream = new(new MemoryStream(data), CompressionMode.Decompress);
        foreach ((int x, int y, int stepX, int stepY) in Adam7)
        {
            (int columns, int rows) = ((width - x + stepX - 1) / stepX, (height - y + stepY - 1) / stepY);
            if (columns == 0 || rows == 0)
            {
                continue;
            }

            byte[] raw = new byte[layout.RawBytes(columns, rows)];
            if (stream.ReadAtLeast(raw, raw.Length, throwOnEndOfStream: false) < raw.Length)
            {
                throw source.Truncated();
            }

            using MemoryStream packed = new(raw.Length + 64);
            using (ZLibStream store = new(packed, CompressionLevel.NoCompression, leaveOpen: true))
            {
                store.Write(raw);
            }

            Array pass = Decode(packed.ToArray(), layout, columns, rows, source);
            int channels = pass.Length / (columns * rows);
            for (int i = 0; i < columns * rows; i++)
            {
                Array.Copy(pass, i * channels, pixels, ((y + (i / columns * stepY)) * width + x + (i % columns * stepX)) * channels, channels);
            }
        }

        return pixels;
    }

    private static Array Decode(byte[] data, PngLayout layout, int width, int height, ImageSource source)
    {
        byte[] header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        (header[8], header[9]) = ((byte)layout.Depth, (byte)(layout.Samples switch { 1 => 0, 2 => 4, 3 => 2, _ => 6 }));
        using MemoryStream stream = new(data.Length + 64);
        stream.Write(Signature);
        PngWriter.WriteChunk(stream, "IHDR"u8, header);
        PngWriter.WriteChunk(stream, "IDAT"u8, data);
        PngWriter.WriteChunk(stream, "IEND"u8, []);
        byte[] file = stream.ToArray();

        PngDecoder decoder = new() { IgnoreMetadata = true };
        switch ((layout.Samples, layout.Depth))
        {
            case (1, 16):
                return ImageSharpDecoder.Integers(decoder, file, source);
            case (1, _):
                byte[] grey = ImageSharpDecoder.Bytes<L8>(decoder, file, source);
                return layout.Mode == ImageMode.P && layout.Depth < 8 ? Array.ConvertAll(grey, value => (byte)(value >> (8 - layout.Depth))) : grey;
            case (2, 8):
                return ImageSharpDecoder.Bytes<La16>(decoder, file, source);
            case (2, _):
                return GreyToColours(ImageSharpDecoder.HighBytes<La32>(decoder, file, source));
            case (3, 8):
                return ImageSharpDecoder.Bytes<Rgb24>(decoder, file, source);
            case (3, _):
                return ImageSharpDecoder.HighBytes<Rgb48>(decoder, file, source);
            case (_, 8):
                return ImageSharpDecoder.Bytes<Rgba32>(decoder, file, source);
            default:
                return ImageSharpDecoder.HighBytes<Rgba64>(decoder, file, source);
        }
    }

    private static byte[] GreyToColours(byte[] pairs)
    {
        byte[] rgba = new byte[checked(2 * pairs.Length)];
        for (int i = 0, o = 0; i < pairs.Length; i += 2, o += 4)
        {
            (rgba[o], rgba[o + 1], rgba[o + 2], rgba[o + 3]) = (pairs[i], pairs[i], pairs[i], pairs[i + 1]);
        }

        return rgba;
    }
}
