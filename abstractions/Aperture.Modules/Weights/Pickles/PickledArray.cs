namespace Aperture.Weights;

/// <summary>A numpy array of a saved Python object, little-endian.</summary>
public sealed class PickledArray
{
    internal PickledArray()
    {
    }

    /// <summary>
    /// The element type's name, as in <see cref="WeightInfo.StoredType"/>; the numpy code in quotes where the type is none that libtorch has, and the elements
    /// are left out.
    /// </summary>
    public string StoredTypeName { get; private set; } = "U8";

    /// <summary>The sizes, outermost first; empty for a scalar.</summary>
    public IReadOnlyList<long> Shape { get; private set; } = [];

    /// <summary>Whether the first index changes fastest in <see cref="Bytes"/>.</summary>
    public bool IsColumnMajor { get; private set; }

    /// <summary>The elements' bytes.</summary>
    public PickledBytes Bytes { get; private set; } = new([]);

    internal void Fill(string storedTypeName, long[] shape, bool columnMajor, PickledBytes bytes)
    {
        StoredTypeName = storedTypeName;
        Shape = shape;
        IsColumnMajor = columnMajor;
        Bytes = bytes;
    }
}
