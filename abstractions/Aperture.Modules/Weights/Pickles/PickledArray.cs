namespace Aperture.Weights;

/// <summary>A numpy array of a saved Python object, little-endian.</summary>
public sealed class PickledArray
{
    private byte[] _bytes = [];

    internal PickledArray()
    {
    }

    /// <summary>The element type's name, as in <see cref="WeightInfo.StoredType"/>.</summary>
    public string StoredTypeName { get; private set; } = "U8";

    /// <summary>The sizes, outermost first; empty for a scalar.</summary>
    public IReadOnlyList<long> Shape { get; private set; } = [];

    /// <summary>Whether the first index changes fastest in <see cref="Bytes"/>.</summary>
    public bool IsColumnMajor { get; private set; }

    /// <summary>The elements' bytes.</summary>
    public ReadOnlyMemory<byte> Bytes => _bytes;

    internal void Fill(StoredType type, long[] shape, bool columnMajor, byte[] bytes)
    {
        StoredTypeName = type.Name;
        Shape = shape;
        IsColumnMajor = columnMajor;
        _bytes = bytes;
    }
}
