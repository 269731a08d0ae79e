using System.Buffers.Binary;

namespace Aperture.Images;

/// <summary>The first directory of a TIFF block, as TIFF files and EXIF have it. Whatever lies outside the block counts as missing.</summary>
internal readonly ref struct TiffDirectory
{
    private const int EntryBytes = 12;

    private readonly ReadOnlySpan<byte> _tiff;
    private readonly ReadOnlySpan<byte> _entries;
    private readonly bool _little;

    public TiffDirectory(ReadOnlySpan<byte> tiff)
    {
        _tiff = tiff;
        _little = tiff.StartsWith("II"u8);
        if (tiff.Length < 8 || !(_little || tiff.StartsWith("MM"u8)))
        {
            return;
        }

        uint start = UInt32(tiff[4..]);
        if (start > tiff.Length - 2)
        {
            return;
        }

        int bytes = UInt16(tiff[(int)start..]) * EntryBytes;
        _entries = tiff.Slice((int)start + 2, Math.Min(bytes, tiff.Length - (int)start - 2));
        NextAt = (int)start + 2 + _entries.Length;
    }

    /// <summary>Where the four bytes lie that point to the next directory; 0 where there is no directory.</summary>
    public int NextAt { get; }

    /// <summary>What stands in a tag's entry itself, as LONG if that is its type and else as SHORT; missing where there is no such tag.</summary>
    public long Inline(ushort tag, long missing)
    {
        for (ReadOnlySpan<byte> entry = _entries; entry.Length >= EntryBytes; entry = entry[EntryBytes..])
        {
            if (UInt16(entry) == tag)
            {
                return UInt16(entry[2..]) == 4 ? UInt32(entry[8..]) : UInt16(entry[8..]);
            }
        }

        return missing;
    }

    /// <summary>The first value of a tag, of type BYTE, SHORT or LONG; what is missing otherwise.</summary>
    public long First(ushort tag, long missing) => Values(tag) is { Length: > 0 } values ? values[0] : missing;

    /// <summary>The values of a tag, of type BYTE, SHORT or LONG; none where the block has not all of them.</summary>
    public long[] Values(ushort tag)
    {
        for (ReadOnlySpan<byte> entry = _entries; entry.Length >= EntryBytes; entry = entry[EntryBytes..])
        {
            if (UInt16(entry) != tag)
            {
                continue;
            }

            int size = UInt16(entry[2..]) switch { 1 => 1, 3 => 2, 4 => 4, _ => 0 };
            long bytes = size * (long)UInt32(entry[4..]);
            uint start = UInt32(entry[8..]);
            ReadOnlySpan<byte> data = bytes <= 4 ? entry.Slice(8, (int)bytes) : start + bytes <= _tiff.Length ? _tiff.Slice((int)start, (int)bytes) : default;
            long[] values = new long[size == 0 ? 0 : data.Length / size];
            for (int i = 0; i < values.Length; i++)
            {
                ReadOnlySpan<byte> value = data[(i * size)..];
                values[i] = size switch { 1 => value[0], 2 => UInt16(value), _ => UInt32(value) };
            }

            return values;
        }

        return [];
    }

    private ushort UInt16(ReadOnlySpan<byte> bytes)
        => _little ? BinaryPrimitives.ReadUInt16LittleEndian(bytes) : BinaryPrimitives.ReadUInt16BigEndian(bytes);

    private uint UInt32(ReadOnlySpan<byte> bytes)
        => _little ? BinaryPrimitives.ReadUInt32LittleEndian(bytes) : BinaryPrimitives.ReadUInt32BigEndian(bytes);
}
