using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Weights;

/// <summary>Turns stored bytes into tensors: over the bytes themselves where type and alignment allow, else in memory of the tensor's own.</summary>
internal static unsafe class StoredElements
{
    /// <summary>
    /// The tensor of <paramref name="count"/> elements at <paramref name="data"/> in <paramref name="memory"/>; <paramref name="what"/> names file and tensor
    /// in errors.
    /// </summary>
    public static Tensor Load(ViewedMemory memory, byte* data, long count, long[] shape, StoredType type, string what)
    {
        if (type.Decoding == StoredDecoding.None)
        {
            throw new ApertureException($"{what}: element type {type.Name} cannot be read; store the tensor as F8, F16, BF16 or F32.");
        }

        if (count == 0)
        {
            // libtorch refuses strides that overflow, even of a tensor without elements.
            UInt128 extent = 1;
            foreach (long size in shape)
            {
                extent *= (ulong)Math.Max(size, 1);
                if (extent > long.MaxValue)
                {
                    throw new ApertureException($"{what}: shape [{string.Join(", ", shape)}] is larger than a tensor can be; store it without the empty axes.");
                }
            }

            return torch.empty(shape, type.Loaded);
        }

        if (type.Decoding == StoredDecoding.AsIs && (nuint)data % (nuint)type.Alignment == 0)
        {
            return NativeTensor.View(memory, data, shape, type.Loaded);
        }

        memory.AddView(); // Stays while it is read.
        Tensor tensor = torch.empty(shape, type.Loaded);
        try
        {
            Decode(data, NativeTensor.Data(tensor), count, type, what);
            return tensor;
        }
        catch
        {
            tensor.Dispose();
            throw;
        }
        finally
        {
            ViewedMemory.RemoveView(data);
        }
    }

    private static void Decode(byte* source, byte* target, long count, StoredType type, string what)
    {
        switch (type.Decoding)
        {
            case StoredDecoding.AsIs:
                NativeMemory.Copy(source, target, checked((nuint)(count * (type.Bits / 8))));
                break;
            case StoredDecoding.Float8:
                ReadOnlySpan<float> table = Float8Tables.For(type.Name);
                for (long i = 0; i < count; i++)
                {
                    ((float*)target)[i] = table[source[i]];
                }

                break;
            default:
                Widen(source, target, count, type, what);
                break;
        }
    }

    private static void Widen(byte* source, byte* target, long count, StoredType type, string what)
    {
        switch (type.Name)
        {
            case "U16":
                for (long i = 0; i < count; i++)
                {
                    ((int*)target)[i] = ((ushort*)source)[i];
                }

                break;
            case "U32":
                for (long i = 0; i < count; i++)
                {
                    ((long*)target)[i] = ((uint*)source)[i];
                }

                break;
            case "U64":
                for (long i = 0; i < count; i++)
                {
                    ulong value = ((ulong*)source)[i];
                    if (value > long.MaxValue)
                    {
                        throw new ApertureException($"{what}: element {i} is {value}, more than a signed 64-bit integer holds; store the tensor as I64.");
                    }

                    ((long*)target)[i] = (long)value;
                }

                break;
            default:
                throw new ArgumentException($"{type.Name} is not an unsigned type.", nameof(type));
        }
    }
}
