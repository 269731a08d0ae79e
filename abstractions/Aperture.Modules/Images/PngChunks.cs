using System.Buffers.Binary;

namespace Aperture.Images;

/// <summary>What a PNG file's chunks say, with lengths and checksums verified up to the pixel data.</summary>
internal sealed class PngChunks
{
    private byte[] _colours = [];

    public long Width { get; private set; }

    public long Height { get; private set; }

    public int Depth { get; private set; }

    public int ColourType { get; private set; }

    public bool Interlaced { get; private set; }

    /// <summary>The zlib stream of the pixels, all IDAT chunks together.</summary>
    public byte[] Data { get; private set; } = [];

    public byte[] Transparency { get; private set; } = [];

    public byte[] Exif { get; private set; } = [];

    public static PngChunks Read(ReadOnlySpan<byte> file, ImageSource source)
    {
        PngChunks chunks = new();
        ReadOnlySpan<byte> rest = file[PngReader.Signature.Length..];
        using MemoryStream data = new();
        (bool first, bool pixelsSeen) = (true, false);
        while (rest.Length >= 8)
        {
            uint length = BinaryPrimitives.ReadUInt32BigEndian(rest);
            ReadOnlySpan<byte> type = rest.Slice(4, 4);
            bool isData = type.SequenceEqual("IDAT"u8);
            bool whole = rest.Length >= 12 && length <= (uint)(rest.Length - 12);
            if (first != type.SequenceEqual("IHDR"u8))
            {
                throw source.Damaged("its header chunk is not the first and only one");
            }

            if (!whole && !isData)
            {
                break; // cut off: if that was before the pixels were complete, decompressing them will tell
            }

            ReadOnlySpan<byte> payload = rest.Slice(8, (int)Math.Min(length, rest.Length - 8));
            pixelsSeen |= isData;
            if (!pixelsSeen && PngChecksum.Compute(rest.Slice(4, 4 + payload.Length)) != BinaryPrimitives.ReadUInt32BigEndian(rest[(8 + payload.Length)..]))
            {
                throw source.Damaged($"the checksum of its chunk {System.Text.Encoding.Latin1.GetString(type).Replace('\n', ' ')} is wrong");
            }

            if (isData)
            {
                data.Write(payload);
            }
            else if (type.SequenceEqual("IEND"u8))
            {
                break;
            }
            else
            {
                chunks.Take(type, payload, source);
            }

            first = false;
            rest = whole ? rest[(12 + payload.Length)..] : default;
        }

        if (first || !pixelsSeen)
        {
            throw source.Truncated();
        }

        chunks.Data = data.ToArray();
        return chunks;
    }

    /// <summary>256 entries of RGBA; entries that the file does not have are opaque black.</summary>
    public byte[] Palette(ImageSource source)
    {
        if (_colours.Length == 0)
        {
            throw source.Damaged("it has palette indices and no palette");
        }

        byte[] palette = new byte[256 * 4];
        for (int i = 0; i < 256; i++)
        {
            if (3 * i + 3 <= _colours.Length)
            {
                _colours.AsSpan(3 * i, 3).CopyTo(palette.AsSpan(4 * i));
            }

            palette[4 * i + 3] = i < Transparency.Length ? Transparency[i] : (byte)255;
        }

        return palette;
    }

    private void Take(ReadOnlySpan<byte> type, ReadOnlySpan<byte> payload, ImageSource source)
    {
        if (type.SequenceEqual("IHDR"u8))
        {
            if (payload.Length < 13 || payload[10] != 0 || payload[11] != 0 || payload[12] > 1)
            {
                throw source.Damaged("its header is not one of PNG 1.2");
            }

            (Width, Height) = (BinaryPrimitives.ReadUInt32BigEndian(payload), BinaryPrimitives.ReadUInt32BigEndian(payload[4..]));
            (Depth, ColourType, Interlaced) = (payload[8], payload[9], payload[12] == 1);
        }
        else if (type.SequenceEqual("PLTE"u8))
        {
            _colours = payload.ToArray();
        }
        else if (type.SequenceEqual("tRNS"u8))
        {
            Transparency = payload.ToArray();
        }
        else if (type.SequenceEqual("eXIf"u8))
        {
            Exif = payload.ToArray();
        }
    }
}
