using System.Buffers.Binary;
using System.Text;

namespace Aperture.Files;

/// <summary>An array that numpy wrote. Its elements are little-endian and row-major, however they were stored.</summary>
public sealed class NumpyArray
{
    private readonly byte[] _bytes;

    internal NumpyArray(char kind, int itemSize, long[] shape, byte[] bytes)
    {
        (Kind, ItemSize, Shape, _bytes) = (kind, itemSize, shape, bytes);
    }

    /// <summary>numpy's letter for the kind of elements: <c>f</c> numbers, <c>i</c> and <c>u</c> whole numbers, <c>b</c> truth values, <c>U</c> text.</summary>
    public char Kind { get; }

    /// <summary>Bytes of an element.</summary>
    public int ItemSize { get; }

    /// <summary>The sizes, outermost first; empty for a scalar.</summary>
    public IReadOnlyList<long> Shape { get; }

    /// <summary>Number of elements.</summary>
    public int Count => _bytes.Length / Math.Max(1, ItemSize);

    /// <summary>The elements, little-endian, row-major.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes;

    /// <summary>The elements as float32.</summary>
    /// <exception cref="ApertureException">They are no numbers.</exception>
    public float[] ToSingles() => [.. ToDoubles().Select(value => (float)value)];

    /// <summary>The elements as float64.</summary>
    /// <exception cref="ApertureException">They are no numbers.</exception>
    public double[] ToDoubles()
    {
        double[] values = new double[Count];
        for (int i = 0; i < values.Length; i++)
        {
            ReadOnlySpan<byte> item = _bytes.AsSpan(i * ItemSize, ItemSize);
            values[i] = (Kind, ItemSize) switch
            {
                ('f', 2) => (double)BinaryPrimitives.ReadHalfLittleEndian(item),
                ('f', 4) => BinaryPrimitives.ReadSingleLittleEndian(item),
                ('f', 8) => BinaryPrimitives.ReadDoubleLittleEndian(item),
                ('i' or 'u' or 'b', _) => Whole(item),
                _ => throw Refuse("numbers"),
            };
        }

        return values;
    }

    /// <summary>The elements as whole numbers.</summary>
    /// <exception cref="ApertureException">They are none.</exception>
    public long[] ToIntegers()
    {
        long[] values = new long[Count];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = Kind is 'i' or 'u' or 'b' ? Whole(_bytes.AsSpan(i * ItemSize, ItemSize)) : throw Refuse("whole numbers");
        }

        return values;
    }

    /// <summary>The elements as texts, without the zeros that fill them up.</summary>
    /// <exception cref="ApertureException">They are none.</exception>
    public string[] ToTexts()
        => Kind == 'U'
            ? [.. Enumerable.Range(0, Count).Select(i => Encoding.UTF32.GetString(_bytes, i * ItemSize, ItemSize).TrimEnd('\0'))]
            : throw Refuse("texts");

    private long Whole(ReadOnlySpan<byte> item) => (Kind, ItemSize) switch
    {
        ('b' or 'u', 1) => item[0],
        ('i', 1) => (sbyte)item[0],
        ('i', 2) => BinaryPrimitives.ReadInt16LittleEndian(item),
        ('u', 2) => BinaryPrimitives.ReadUInt16LittleEndian(item),
        ('i', 4) => BinaryPrimitives.ReadInt32LittleEndian(item),
        ('u', 4) => BinaryPrimitives.ReadUInt32LittleEndian(item),
        ('i', 8) => BinaryPrimitives.ReadInt64LittleEndian(item),
        _ => checked((long)BinaryPrimitives.ReadUInt64LittleEndian(item)),
    };

    private ApertureException Refuse(string wanted) => new($"An array of numpy's type '{Kind}{ItemSize}' holds no {wanted}.");
}
