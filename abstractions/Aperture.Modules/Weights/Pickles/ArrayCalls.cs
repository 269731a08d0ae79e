using System.Numerics;
using System.Runtime.InteropServices;

namespace Aperture.Weights;

/// <summary>The functions that make numpy values.</summary>
internal sealed class ArrayCalls(PickleReader reader, bool lenient)
{
    private const int MaxRank = 64;

    /// <summary>scalar(dtype, bytes): the value as <see cref="bool"/>, <see cref="long"/>, <see cref="double"/> or <see cref="Complex"/>.</summary>
    public object Scalar(PickledSequence arguments)
    {
        if (lenient && arguments is [NumpyType unknown, ..] && TorchTypes.OfNumpy(unknown.Code) is null)
        {
            return new PickledObject($"numpy.{unknown.Code}", arguments);
        }

        if (arguments is not [NumpyType numpy, PickledBytes block] || Known(numpy) is var type && block.Length != type.Bits / 8)
        {
            throw Misused();
        }

        ReadOnlySpan<byte> bytes = block.Span;
        return type.Name switch
        {
            "BOOL" => bytes[0] != 0,
            "I8" => (long)(sbyte)bytes[0],
            "U8" => (long)bytes[0],
            "I16" => (long)MemoryMarshal.Read<short>(bytes),
            "U16" => (long)MemoryMarshal.Read<ushort>(bytes),
            "I32" => (long)MemoryMarshal.Read<int>(bytes),
            "U32" => (long)MemoryMarshal.Read<uint>(bytes),
            "I64" => MemoryMarshal.Read<long>(bytes),
            "U64" => new BigInteger(MemoryMarshal.Read<ulong>(bytes)),
            "F16" => (double)MemoryMarshal.Read<Half>(bytes),
            "F32" => (double)MemoryMarshal.Read<float>(bytes),
            "F64" => MemoryMarshal.Read<double>(bytes),
            "C64" => new Complex(MemoryMarshal.Read<float>(bytes), MemoryMarshal.Read<float>(bytes[4..])),
            "C128" => new Complex(MemoryMarshal.Read<double>(bytes), MemoryMarshal.Read<double>(bytes[8..])),
            _ => throw Misused(),
        };
    }

    /// <summary>_frombuffer(bytes, dtype, shape, order).</summary>
    public PickledArray FromBuffer(PickledSequence arguments)
    {
        if (arguments is not [PickledBytes bytes, NumpyType type, PickledSequence shape, string order])
        {
            throw Misused();
        }

        PickledArray array = new();
        Fill(array, type, shape, order == "F", bytes);
        return array;
    }

    /// <summary>The state of an array: (version, shape, dtype, is column-major, bytes).</summary>
    public void Fill(PickledArray array, object? state)
    {
        if (lenient && state is PickledSequence { Count: 5 } partly && partly[2] is NumpyType unknown && TorchTypes.OfNumpy(unknown.Code) is null)
        {
            array.Fill($"'{unknown.Code}'", [], false, new PickledBytes([]));
            return;
        }

        if (state is not PickledSequence { Count: 5 } fields
            || fields[1] is not PickledSequence shape
            || fields[2] is not NumpyType type
            || fields[3] is not bool columnMajor
            || fields[4] is not PickledBytes bytes)
        {
            throw Misused();
        }

        Fill(array, type, shape, columnMajor, bytes);
    }

    private void Fill(PickledArray array, NumpyType numpy, PickledSequence shape, bool columnMajor, PickledBytes bytes)
    {
        StoredType type = Known(numpy);
        if (shape.Count > MaxRank || !shape.All(size => size is long and >= 0))
        {
            throw Misused();
        }

        UInt128 length = (UInt128)(type.Bits / 8);
        foreach (object? size in shape)
        {
            length = UInt128.Min(length * (ulong)(long)size!, long.MaxValue);
        }

        if (length != (ulong)bytes.Length)
        {
            throw reader.Damaged($"an array [{string.Join(", ", shape)}] of {type.Name} needs {length} bytes and has {bytes.Length}");
        }

        array.Fill(type.Name, [.. shape.Select(size => (long)size!)], columnMajor, bytes);
    }

    private StoredType Known(NumpyType numpy) => numpy.IsBigEndian
        ? throw reader.Refused($"it holds a numpy value of big-endian type '{numpy.Code}'; convert it to little-endian and save it again")
        : TorchTypes.OfNumpy(numpy.Code) ?? throw reader.Refused($"it holds a numpy value of type '{numpy.Code}'; only numbers and truth values are read");

    private ApertureException Misused() => reader.Damaged("it makes a numpy value from arguments that checkpoints do not use");
}
