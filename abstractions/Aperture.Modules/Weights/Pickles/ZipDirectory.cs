using System.Buffers.Binary;
using System.Text;

namespace Aperture.Weights;

/// <summary>
/// The directory of a mapped zip archive (with ZIP64), read to find entries that are stored uncompressed where they lie.
/// Format: PKWARE APPNOTE, sections 4.3.7 to 4.3.16.
/// </summary>
internal sealed class ZipDirectory
{
    private const int EndLength = 22;
    private const int MaxComment = ushort.MaxValue;
    private const int LocatorLength = 20;
    private const int End64Length = 56;
    private const int CentralLength = 46;
    private const int LocalLength = 30;
    private const uint Unset32 = uint.MaxValue;

    private readonly MappedFile _file;
    private readonly Dictionary<string, ZipEntry> _entries = new(StringComparer.Ordinal);

    private ZipDirectory(MappedFile file) => _file = file;

    public IReadOnlyDictionary<string, ZipEntry> Entries => _entries;

    public static ZipDirectory Read(MappedFile file)
    {
        ZipDirectory directory = new(file);
        directory.ReadEntries();
        return directory;
    }

    /// <summary>Where an entry's bytes begin in the file. They are checked to lie within it, and to be stored as they are.</summary>
    public long Locate(ZipEntry entry)
    {
        if (entry.Method != 0 || entry.Length != entry.StoredLength || (entry.Flags & 1) != 0)
        {
            throw new ApertureException(
                $"Weights file '{_file.Path}': the archive's entry '{entry.Name}' is compressed or encrypted; PyTorch stores entries as they are. Save the "
                + "file again with torch.save.");
        }

        if (entry.HeaderOffset > _file.Length - LocalLength)
        {
            throw Damaged($"entry '{entry.Name}' lies outside the file");
        }

        ReadOnlySpan<byte> local = _file.Bytes(entry.HeaderOffset, LocalLength);
        if (!local.StartsWith("PK\x03\x04"u8))
        {
            throw Damaged($"entry '{entry.Name}' does not begin where the directory says");
        }

        long data = entry.HeaderOffset
            + LocalLength
            + BinaryPrimitives.ReadUInt16LittleEndian(local[26..])
            + BinaryPrimitives.ReadUInt16LittleEndian(local[28..]);
        return entry.Length <= _file.Length - data ? data : throw Damaged($"entry '{entry.Name}' lies outside the file");
    }

    private static long U16(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[offset..]);

    private static long U32(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[offset..]);

    private ApertureException Damaged(string fault) =>
        new($"Weights file '{_file.Path}': the archive is damaged or cut off: {fault}; fetch or save the file again.");

    private long U64(ReadOnlySpan<byte> bytes, int offset)
    {
        ulong value = BinaryPrimitives.ReadUInt64LittleEndian(bytes[offset..]);
        return value <= long.MaxValue ? (long)value : throw Damaged("an impossible size or offset");
    }

    private void ReadEntries()
    {
        (long start, long length) = FindDirectory();
        long end = start + length;
        for (long position = start; position < end;)
        {
            if (end - position < CentralLength)
            {
                throw Damaged("its directory ends within an entry");
            }

            ReadOnlySpan<byte> fixedPart = _file.Bytes(position, CentralLength);
            if (!fixedPart.StartsWith("PK\x01\x02"u8))
            {
                throw Damaged("its directory holds something that is no entry");
            }

            int nameLength = (int)U16(fixedPart, 28);
            int extraLength = (int)U16(fixedPart, 30);
            long entryLength = CentralLength + nameLength + extraLength + U16(fixedPart, 32);
            if (entryLength > end - position)
            {
                throw Damaged("its directory ends within an entry");
            }

            string name = Encoding.UTF8.GetString(_file.Bytes(position + CentralLength, nameLength));
            ZipEntry entry = ReadEntry(name, fixedPart, _file.Bytes(position + CentralLength + nameLength, extraLength));
            if (!_entries.TryAdd(name, entry))
            {
                throw Damaged($"entry '{name}' occurs twice");
            }

            position += entryLength;
        }
    }

    private ZipEntry ReadEntry(string name, ReadOnlySpan<byte> fixedPart, ReadOnlySpan<byte> extra)
    {
        long stored = U32(fixedPart, 20);
        long length = U32(fixedPart, 24);
        long offset = U32(fixedPart, 42);
        if (stored == Unset32 || length == Unset32 || offset == Unset32)
        {
            // The ZIP64 field holds only what is unset, in this order.
            ReadOnlySpan<byte> wide = FindZip64(name, extra);
            length = length == Unset32 ? Next(ref wide, name) : length;
            stored = stored == Unset32 ? Next(ref wide, name) : stored;
            offset = offset == Unset32 ? Next(ref wide, name) : offset;
        }

        return new ZipEntry(name, (int)U16(fixedPart, 10), (int)U16(fixedPart, 8), length, stored, offset);
    }

    private long Next(ref ReadOnlySpan<byte> wide, string name)
    {
        if (wide.Length < sizeof(long))
        {
            throw Damaged($"entry '{name}' lacks its 64-bit sizes");
        }

        long value = U64(wide, 0);
        wide = wide[sizeof(long)..];
        return value;
    }

    private ReadOnlySpan<byte> FindZip64(string name, ReadOnlySpan<byte> extra)
    {
        while (extra.Length >= 4)
        {
            int length = (int)U16(extra, 2);
            if (length > extra.Length - 4)
            {
                break;
            }

            if (U16(extra, 0) == 1)
            {
                return extra.Slice(4, length);
            }

            extra = extra[(4 + length)..];
        }

        throw Damaged($"entry '{name}' lacks its 64-bit sizes");
    }

    private (long Start, long Length) FindDirectory()
    {
        int tailLength = (int)Math.Min(_file.Length, EndLength + MaxComment);
        long tailStart = _file.Length - tailLength;
        ReadOnlySpan<byte> tail = _file.Bytes(tailStart, tailLength);
        int place = tail.LastIndexOf("PK\x05\x06"u8);
        if (place < 0 || place > tailLength - EndLength)
        {
            throw Damaged("it has no directory at its end");
        }

        ReadOnlySpan<byte> end = tail[place..];
        long start = U32(end, 16);
        long length = U32(end, 12);
        long endOffset = tailStart + place;
        if (start == Unset32 || length == Unset32 || U16(end, 10) == ushort.MaxValue)
        {
            (start, length) = FindWideDirectory(endOffset);
        }

        return start <= endOffset && length <= endOffset - start ? (start, length) : throw Damaged("its directory lies outside the file");
    }

    private (long Start, long Length) FindWideDirectory(long endOffset)
    {
        if (endOffset < LocatorLength)
        {
            throw Damaged("it has no 64-bit directory");
        }

        ReadOnlySpan<byte> locator = _file.Bytes(endOffset - LocatorLength, LocatorLength);
        long offset = U64(locator, 8);
        if (!locator.StartsWith("PK\x06\x07"u8) || offset > endOffset - End64Length)
        {
            throw Damaged("it has no 64-bit directory");
        }

        ReadOnlySpan<byte> end = _file.Bytes(offset, End64Length);
        return end.StartsWith("PK\x06\x06"u8) ? (U64(end, 48), U64(end, 40)) : throw Damaged("it has no 64-bit directory");
    }
}
