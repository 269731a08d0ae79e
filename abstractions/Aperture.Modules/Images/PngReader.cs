using System.IO.Compression;
using Aperture.Measuring;

namespace Aperture.Images;

/// <summary>
/// Reads PNG of every colour type and depth into the mode in which Pillow opens it. Skia is not used because it scales 16-bit pixels, hides palette indices and
/// clears the colour of transparent pixels. The checksum of the pixel data is not checked, as in Pillow: damaged data fails to decompress.
/// </summary>
internal static class PngReader
{
    /// <summary>No deflate stream expands further than this.</summary>
    private const long DeflateRatio = 1032;

    public static ReadOnlySpan<byte> Signature => [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A];

    public static Image Read(ReadOnlySpan<byte> file, ImageSource source)
    {
        PngChunks chunks = PngChunks.Read(file, source);
        PngLayout layout = PngLayout.Of(chunks, source);
        source.CheckSize(chunks.Width, chunks.Height, layout.Wide ? sizeof(int) : layout.Channels);
        long raw = (long)chunks.Height * ((long)chunks.Width * layout.BitsPerPixel / 8);
        if (raw / DeflateRatio > chunks.Data.Length)
        {
            throw source.Truncated();
        }

        (int width, int height) = ((int)chunks.Width, (int)chunks.Height);
        Array pixels = layout.Wide ? new int[width * height] : new byte[width * height * layout.Channels];
        try
        {
            using ZLibStream data = new(new MemoryStream(chunks.Data), CompressionMode.Decompress);
            if (!chunks.Interlaced)
            {
                ReadPass(data, layout, source, pixels, width, (0, 0, 1, 1), width, height);
            }

            foreach ((int X, int Y, int StepX, int StepY) pass in chunks.Interlaced ? Adam7 : [])
            {
                (int columns, int rows) = ((width - pass.X + pass.StepX - 1) / pass.StepX, (height - pass.Y + pass.StepY - 1) / pass.StepY);
                if (columns > 0)
                {
                    ReadPass(data, layout, source, pixels, width, pass, columns, rows);
                }
            }
        }
        catch (InvalidDataException error)
        {
            throw new ApertureException(source.Damaged("its compressed pixels are corrupt or cut off").Message, error);
        }

        return new Image(
            layout.Mode, width, height, pixels, layout.Mode == ImageMode.P ? chunks.Palette(source) : null, layout.TransparentColour(chunks.Transparency),
            ExifOrientation.FromTiff(chunks.Exif));
    }

    private static (int X, int Y, int StepX, int StepY)[] Adam7 =>
        [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)];

    private static void ReadPass(
        Stream data, PngLayout layout, ImageSource source, Array pixels, int width, (int X, int Y, int StepX, int StepY) pass, int columns, int rows)
    {
        int rowBytes = (int)(((long)columns * layout.BitsPerPixel + 7) / 8);
        (byte[]? row, byte[]? above) = (new byte[1 + rowBytes], new byte[1 + rowBytes]); // the first byte names the filter
        for (int y = 0; y < rows; y++)
        {
            (row, above) = (above, row);
            if (data.ReadAtLeast(row, row.Length, throwOnEndOfStream: false) < row.Length)
            {
                throw source.Truncated();
            }

            if (!PngFilter.Undo(row[0], row.AsSpan(1), above.AsSpan(1), Math.Max(1, layout.BitsPerPixel / 8)))
            {
                throw source.Damaged($"row {y} has the unknown filter {row[0]}");
            }

            int start = (pass.Y + y * pass.StepY) * width + pass.X;
            layout.Unpack(row.AsSpan(1), columns, pixels, start, pass.StepX);
        }
    }
}
