using System.Buffers.Binary;

namespace Aperture.Images;

/// <summary>What a JPEG file's markers say: how its pixels are coded, how many there are, and whether it comes to its end.</summary>
internal readonly record struct JpegMarkers
{
    private const byte StartOfScan = 0xDA, EndOfImage = 0xD9, FirstRestart = 0xD0, LastRestart = 0xD7, Temporary = 0x01;

    /// <summary>Width in pixels; 0 where no frame header was found.</summary>
    public int Width { get; private init; }

    /// <summary>Height in pixels; 0 where no frame header was found.</summary>
    public int Height { get; private init; }

    /// <summary>
    /// Whether the pixels come in several scans, as in every progressive file. Such a file is decoded when its last scan has been read; what is missing at its
    /// end shows as a coarser picture, not as a missing one.
    /// </summary>
    public bool HasSeveralScans { get; private init; }

    /// <summary>Whether the coding is arithmetic, where a block may take less than a bit.</summary>
    public bool IsArithmetic { get; private init; }

    /// <summary>Whether the marker that ends the image is there.</summary>
    public bool IsEnded { get; private init; }

    /// <summary>Reads the markers of a file that begins with the one of JPEG.</summary>
    /// <param name="file">The file.</param>
    public static JpegMarkers Read(ReadOnlySpan<byte> file)
    {
        JpegMarkers found = default;
        int components = 0;
        ReadOnlySpan<byte> rest = file[2..];
        while (Next(ref rest) is { } marker)
        {
            if (marker == EndOfImage)
            {
                return found with { IsEnded = true };
            }

            if (marker is 0 or Temporary or >= FirstRestart and <= LastRestart)
            {
                continue; // within the pixels of a scan
            }

            ushort length = rest.Length < 2 ? (ushort)0 : BinaryPrimitives.ReadUInt16BigEndian(rest);
            if (length < 2 || length > rest.Length)
            {
                return found;
            }

            ReadOnlySpan<byte> segment = rest[2..length];
            if (IsFrame(marker) && segment.Length >= 6)
            {
                components = segment[5];
                found = new JpegMarkers
                {
                    Height = BinaryPrimitives.ReadUInt16BigEndian(segment[1..]),
                    Width = BinaryPrimitives.ReadUInt16BigEndian(segment[3..]),
                    HasSeveralScans = (marker & 3) == 2,
                    IsArithmetic = marker >= 0xC8,
                };
            }
            else if (marker == StartOfScan && segment.Length > 0)
            {
                found = found with { HasSeveralScans = found.HasSeveralScans || segment[0] < components };
            }

            rest = rest[length..];
        }

        return found;
    }

    // Goes behind the next marker: 0xFF and a byte that is neither padding nor, within pixels, the mark of a plain 0xFF (which is returned as 0).
    private static byte? Next(ref ReadOnlySpan<byte> rest)
    {
        int at = rest.IndexOf((byte)0xFF);
        if (at < 0)
        {
            return null;
        }

        int behind = rest[at..].IndexOfAnyExcept((byte)0xFF);
        if (behind < 0)
        {
            return null;
        }

        byte marker = rest[at + behind];
        rest = rest[(at + behind + 1)..];
        return marker;
    }

    // 0xC0 to 0xCF are frames, but for the tables of Huffman (C4) and arithmetic coding (CC) and the reserved C8.
    private static bool IsFrame(byte marker) => marker is >= 0xC0 and <= 0xCF and not (0xC4 or 0xC8 or 0xCC);
}
