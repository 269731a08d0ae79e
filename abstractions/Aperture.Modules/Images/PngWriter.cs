using System.Buffers.Binary;
using System.IO.Compression;

namespace Aperture.Images;

/// <summary>Writes PNG: not interlaced, for each row the filter that is likely to compress best.</summary>
internal static class PngWriter
{
    public static byte[] Write(Image image)
    {
        (int colourType, int depth) = image.Mode switch
        {
            ImageMode.Bilevel => (0, 1),
            ImageMode.L => (0, 8),
            ImageMode.I => (0, 16),
            ImageMode.RGB => (2, 8),
            ImageMode.LA => (4, 8),
            ImageMode.RGBA => (6, 8),
            _ => throw new ArgumentException($"Mode {image.Mode} has no form in PNG.", nameof(image)),
        };
        byte[] header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, image.Width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), image.Height);
        (header[8], header[9]) = ((byte)depth, (byte)colourType);

        using MemoryStream file = new();
        file.Write(PngReader.Signature);
        WriteChunk(file, "IHDR"u8, header);
        WriteChunk(file, "IDAT"u8, Compress(image, depth));
        WriteChunk(file, "IEND"u8, []);
        return file.ToArray();
    }

    private static byte[] Compress(Image image, int depth)
    {
        int rowBytes = depth == 1 ? (image.Width + 7) / 8 : checked(image.Width * image.Channels * depth / 8);
        int step = Math.Max(1, image.Channels * depth / 8);
        (byte[]? row, byte[]? above) = (new byte[rowBytes], new byte[rowBytes]);
        (byte[]? best, byte[]? trial) = (new byte[rowBytes], new byte[rowBytes]);
        using MemoryStream compressed = new();
        using (ZLibStream deflate = new ZLibStream(compressed, CompressionLevel.Optimal, leaveOpen: true))
        {
            for (int y = 0; y < image.Height; y++)
            {
                (row, above) = (above, row);
                FillRow(image, y, row);
                (int filter, long lowest) = (0, PngFilter.Apply(0, row, above, step, best));
                for (int f = 1; f < PngFilter.Count && depth > 1; f++)
                {
                    long cost = PngFilter.Apply(f, row, above, step, trial);
                    if (cost < lowest)
                    {
                        (filter, lowest, best, trial) = (f, cost, trial, best);
                    }
                }

                deflate.WriteByte((byte)filter);
                deflate.Write(best);
            }
        }

        return compressed.ToArray();
    }

    private static void FillRow(Image image, int y, Span<byte> row)
    {
        switch (image.Mode)
        {
            case ImageMode.Bilevel:
                row.Clear();
                for (int x = 0; x < image.Width; x++)
                {
                    row[x >> 3] |= (byte)((image.Bytes[y * image.Width + x] & 0x80) >> (x & 7));
                }

                break;
            case ImageMode.I:
                for (int x = 0; x < image.Width; x++)
                {
                    BinaryPrimitives.WriteUInt16BigEndian(row[(2 * x)..], (ushort)Math.Clamp(image.Integers[y * image.Width + x], 0, ushort.MaxValue));
                }

                break;
            default:
                image.Bytes.AsSpan(y * row.Length, row.Length).CopyTo(row);
                break;
        }
    }

    /// <summary>Writes a chunk with its length and checksum.</summary>
    public static void WriteChunk(MemoryStream file, ReadOnlySpan<byte> type, ReadOnlySpan<byte> payload)
    {
        Span<byte> number = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(number, payload.Length);
        file.Write(number);
        file.Write(type);
        file.Write(payload);
        BinaryPrimitives.WriteUInt32BigEndian(number, PngChecksum.Compute(type, payload));
        file.Write(number);
    }
}
