namespace Aperture.Weights;

/// <summary>A byte string of a saved Python object. A long one stays in the mapped file, so it is readable only as long as the file is open.</summary>
public sealed class PickledBytes
{
    private readonly byte[] _bytes = [];
    private readonly MappedFile? _file;

    internal PickledBytes(byte[] bytes)
    {
        _bytes = bytes;
        Length = bytes.Length;
    }

    internal PickledBytes(MappedFile file, long offset, long length)
    {
        _file = file;
        Offset = offset;
        Length = length;
    }

    /// <summary>The number of bytes.</summary>
    public long Length { get; }

    /// <summary>The bytes.</summary>
    /// <exception cref="ObjectDisposedException">The file was closed.</exception>
    /// <exception cref="ApertureException">There are more than 2 GB.</exception>
    public ReadOnlySpan<byte> Span => _file is null
        ? _bytes
        : Length <= int.MaxValue
            ? _file.Bytes(Offset, (int)Length)
            : throw new ApertureException($"A byte string of {Length} bytes is too long to read at once; save the data as tensors.");

    internal bool IsMapped => _file is not null;

    /// <summary>Where the bytes begin in the file, if they are mapped.</summary>
    internal long Offset { get; }

    /// <summary>A copy of the bytes.</summary>
    public byte[] ToArray() => Span.ToArray();
}
