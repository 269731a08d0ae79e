using Aperture.Measuring;
using static TorchSharp.torch;

namespace Aperture.Weights;

/// <summary>A tensor that is going to be written: what <see cref="SafetensorsWriter"/> must know before the values exist.</summary>
/// <param name="Name">The name in the file.</param>
/// <param name="Type">The element type, stored as it is.</param>
/// <param name="Shape">The sizes, outermost first; empty for a scalar.</param>
public sealed record TensorLayout(string Name, ScalarType Type, long[] Shape)
{
    /// <summary>The layout of a tensor that exists.</summary>
    /// <param name="name">The name in the file.</param>
    /// <param name="tensor">The tensor; borrowed.</param>
    public static TensorLayout Of(string name, Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        return new TensorLayout(name, tensor.dtype, tensor.shape);
    }

    /// <summary>The bytes the values take in a file.</summary>
    /// <exception cref="ApertureException">The element type has no place in a safetensors file, or the size overflows.</exception>
    public long ByteLength
    {
        get
        {
            StoredType type = Stored;
            UInt128 bytes = (UInt128)(type.Bits / 8);
            foreach (long size in Shape)
            {
                bytes = size < 0 ? UInt128.MaxValue : bytes * (ulong)size;
                if (bytes > long.MaxValue)
                {
                    throw new ApertureException($"Tensor '{Name}' cannot have the shape [{string.Join(", ", Shape)}]; sizes must be 0 or more and fit a file.");
                }
            }

            return (long)bytes;
        }
    }

    internal StoredType Stored => StoredType.For(Type)
        ?? throw new ApertureException($"Tensor '{Name}' has element type {Type}, which safetensors files do not hold; convert it first.");
}
