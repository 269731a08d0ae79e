using System.Buffers.Binary;
using System.Text;

namespace Aperture.Weights;

/// <summary>Bounds-checked little-endian reading of a mapped range.</summary>
internal sealed unsafe class PickleReader
{
    private const int MaxLineLength = 1024;
    private const int MaxTextLength = 1 << 28;
    private const int MaxBlockLength = 1 << 30;

    private readonly byte* _start;

    /// <summary>Reads a file's bytes from <paramref name="start"/> for at most <paramref name="length"/>; the caller has checked both.</summary>
    public PickleReader(MappedFile file, long start, long length)
    {
        File = file;
        Start = start;
        Length = length;
        _start = file.Start + start;
    }

    public MappedFile File { get; }

    public long Start { get; }

    public long Length { get; }

    public long Position { get; private set; }

    public byte Byte() => Take(1)[0];

    public int UInt16() => BinaryPrimitives.ReadUInt16LittleEndian(Take(2));

    public int Int32() => BinaryPrimitives.ReadInt32LittleEndian(Take(4));

    public uint UInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(4));

    public long Int64() => BinaryPrimitives.ReadInt64LittleEndian(Take(8));

    public double BigEndianDouble() => BinaryPrimitives.ReadDoubleBigEndian(Take(8));

    public string Text(long length) => length <= MaxTextLength ? Encoding.UTF8.GetString(Take(length)) : throw Damaged($"a text of {length} bytes");

    /// <summary>A byte string that is left where it is.</summary>
    public PickledBytes Block(long length)
    {
        long offset = Start + Position;
        Skip(length);
        return new PickledBytes(File, offset, length);
    }

    public ReadOnlySpan<byte> Take(long length)
    {
        if (length < 0 || length > Length - Position || length > MaxBlockLength)
        {
            throw Damaged($"it ends or has an impossible length ({length}) where {Length - Position} bytes are left");
        }

        ReadOnlySpan<byte> bytes = new(_start + Position, (int)length);
        Position += length;
        return bytes;
    }

    /// <summary>Text up to a line end, which is passed.</summary>
    public string Line()
    {
        ReadOnlySpan<byte> rest = new(_start + Position, (int)Math.Min(MaxLineLength, Length - Position));
        int end = rest.IndexOf((byte)'\n');
        if (end < 0)
        {
            throw Damaged($"a name does not end within {MaxLineLength} bytes");
        }

        Position += end + 1;
        return Encoding.UTF8.GetString(rest[..end]);
    }

    public void Skip(long length)
    {
        if (length < 0 || length > Length - Position)
        {
            throw Damaged($"it ends or has an impossible length ({length}) where {Length - Position} bytes are left");
        }

        Position += length;
    }

    public ApertureException Damaged(string fault) =>
        new($"Weights file '{File.Path}': the pickle is damaged at byte {Start + Position}: {fault}; fetch or save the file again.");

    public ApertureException Refused(string fault) => new($"Weights file '{File.Path}': {fault}.");
}
