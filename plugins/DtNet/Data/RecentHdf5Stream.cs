using System.Buffers.Binary;
using System.Numerics;
using Aperture.Files;

namespace Aperture.Plugins.DtNet.Data;

/// <summary>
/// A file of HDF5 as PureHDF 2.2 can read it. HDF5 2.0 writes the layout of chunks as version 5, which differs from version 4 in one thing: the sizes of
/// filtered chunks are stored in eight bytes. When an object's header passes by, such a layout is shown as version 4, its index with the shorter sizes.
/// </summary>
/// <param name="path">The file.</param>
internal sealed class RecentHdf5Stream(string path) : Stream
{
    private const int LayoutMessage = 0x08, FilterMessage = 0x0B, ContinuationMessage = 0x10;
    private const int NewLayout = 5, OldLayout = 4, Chunked = 2;
    private const int SingleChunk = 1, FixedArray = 3;
    private const int LargestHeader = 1 << 20, AddressSize = 8, MaskSize = 4;
    private const int MostBlocks = 32, MostChunks = 1 << 16, MostShown = 64;

    private readonly FileStream _file = InputFile.Open(path);
    private readonly List<(long Start, byte[] Bytes)> _shown = [];

    public override bool CanRead => true;

    public override bool CanSeek => true;

    public override bool CanWrite => false;

    public override long Length => _file.Length;

    public override long Position { get; set; }

    public override int Read(Span<byte> buffer)
    {
        LookAt(Position);
        int count = RandomAccess.Read(_file.SafeFileHandle, buffer, Position);
        foreach ((long start, byte[] bytes) in _shown)
        {
            long from = Math.Max(start, Position), to = Math.Min(start + bytes.Length, Position + count);
            if (from < to)
            {
                bytes.AsSpan((int)(from - start), (int)(to - from)).CopyTo(buffer[(int)(from - Position)..]);
            }
        }

        Position += count;
        return count;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override long Seek(long offset, SeekOrigin origin)
        => Position = origin switch
        {
            SeekOrigin.Begin => offset,
            SeekOrigin.Current => Position + offset,
            _ => Length + offset,
        };

    public override void Flush()
    {
    }

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _file.Dispose();
        }

        base.Dispose(disposing);
    }

    // An object's header of version 2 begins here: OHDR, version, flags, optional times and limits, its size, messages.
    private void LookAt(long position)
    {
        byte[] start = Bytes(position, 6);
        if (!start.AsSpan().StartsWith("OHDR"u8))
        {
            return;
        }

        if (_shown.Count > MostShown)
        {
            _shown.Clear(); // an array is read when its header was, so that only the last ones are looked at again
        }

        int flags = start[5], sizeBytes = 1 << (flags & 3);
        long at = position + 6 + ((flags & 0x20) != 0 ? 16 : 0) + ((flags & 0x10) != 0 ? 4 : 0);
        long size = Whole(Bytes(at, sizeBytes));
        List<(int Type, long Start, int Length)> messages = Collect(at + sizeBytes, size, (flags & 4) != 0);
        bool filtered = messages.Exists(message => message.Type == FilterMessage);
        foreach ((_, long layout, int length) in messages.Where(message => message.Type == LayoutMessage))
        {
            Show(layout, Bytes(layout, length), filtered);
        }
    }

    // The messages of a header and of the blocks that it goes on in, of which there are never many.
    private List<(int Type, long Start, int Length)> Collect(long at, long size, bool ordered)
    {
        int head = ordered ? 6 : 4, left = MostBlocks;
        List<(int Type, long Start, int Length)> messages = [];
        Queue<(long At, long Size)> blocks = new([(at, size)]);
        while (blocks.TryDequeue(out (long At, long Size) next) && left-- > 0)
        {
            byte[] block = Bytes(next.At, (int)Math.Clamp(next.Size, 0, LargestHeader));
            for (int place = 0; place + head <= block.Length;)
            {
                int type = block[place], length = BinaryPrimitives.ReadUInt16LittleEndian(block.AsSpan(place + 1)), body = place + head;
                messages.Add((type, next.At + body, length));
                if (type == ContinuationMessage && body + 16 <= block.Length && blocks.Count < MostBlocks)
                {
                    // Between OCHK and its checksum.
                    blocks.Enqueue((Whole(block.AsSpan(body, 8)) + 4, Whole(block.AsSpan(body + 8, 8)) - 8));
                }

                place = body + length;
            }
        }

        return messages;
    }

    // Version, class, flags, dimensions, bytes of a size, sizes (that of an element last), kind of index, what the index needs, its address.
    private void Show(long at, byte[] layout, bool filtered)
    {
        if (layout.Length < 5 || layout[0] != NewLayout || layout[1] != Chunked)
        {
            return;
        }

        int dimensions = layout[3], width = layout[4], kind = 5 + (dimensions * width);
        if (kind + 1 + AddressSize > layout.Length)
        {
            return;
        }

        if (filtered && layout[kind] is not (SingleChunk or FixedArray))
        {
            throw new ApertureException(
                $"'{path}' holds an array of filtered chunks without a fixed size, as HDF5 2.0 writes it, which is not read; write it with libver='v110'.");
        }

        if (filtered && layout[kind] == FixedArray)
        {
            UInt128 bytes = Enumerable.Range(0, dimensions).Aggregate(
                (UInt128)1, (product, axis) => UInt128.Min(product * (ulong)Whole(layout.AsSpan(5 + (axis * width), width)), ulong.MaxValue >> 1));
            ShortenSizes(Whole(layout.AsSpan(kind + 2, AddressSize)), 1 + ((BitOperations.Log2((ulong)bytes) + 8) / 8));
        }

        _shown.Add((at, [OldLayout]));
    }

    // FAHD, version, client, bytes of an entry, bits of a page, entries, address of FADB, version, client, address back, entries.
    private void ShortenSizes(long header, int sizeBytes)
    {
        byte[] head = Bytes(header, 24);
        if (head.Length < 24 || !head.AsSpan().StartsWith("FAHD"u8))
        {
            return;
        }

        int entry = head[6], own = entry - AddressSize - MaskSize;
        long count = Whole(head.AsSpan(8, 8)), data = Whole(head.AsSpan(16, 8)) + 14;
        if (count > Math.Min(MostChunks, 1L << Math.Min((int)head[7], 16)) || own < sizeBytes)
        {
            throw new ApertureException(
                $"'{path}' holds an array of {count} filtered chunks, as HDF5 2.0 writes it, which is not read; write it with libver='v110'.");
        }

        byte[] entries = Bytes(data, checked((int)count * entry)), shorter = new byte[count * (AddressSize + sizeBytes + MaskSize)];
        for (int index = 0; index < entries.Length / entry; index++)
        {
            Span<byte> from = entries.AsSpan(index * entry, entry), to = shorter.AsSpan(index * (AddressSize + sizeBytes + MaskSize));
            from[..(AddressSize + sizeBytes)].CopyTo(to);
            from[^MaskSize..].CopyTo(to[(AddressSize + sizeBytes)..]);
        }

        _shown.Add((header + 6, [(byte)(AddressSize + sizeBytes + MaskSize)]));
        _shown.Add((data, shorter));
    }

    private byte[] Bytes(long position, int count)
    {
        byte[] bytes = new byte[count];
        int read = position < 0 || position > Length ? 0 : RandomAccess.Read(_file.SafeFileHandle, bytes, position);
        return bytes[..read];
    }

    private static long Whole(ReadOnlySpan<byte> bytes)
    {
        ulong value = 0;
        for (int place = Math.Min(bytes.Length, 8) - 1; place >= 0; place--)
        {
            value = (value << 8) | bytes[place];
        }

        return (long)Math.Min(value, long.MaxValue);
    }
}
