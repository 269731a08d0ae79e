using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Aperture.Decoding;
using static TorchSharp.torch;

namespace Aperture.Kernels;

/// <summary>The memory of a layer's keys or values, read row by row as float32.</summary>
/// <param name="stored">The rows; must outlive this.</param>
internal readonly unsafe struct CachedRows(StoredRows stored)
{
    private readonly nint _data = (nint)TensorMemory.Pointer(stored.Rows);
    private readonly nint _scales = stored.Scales is { } scales ? (nint)TensorMemory.Pointer(scales) : 0;
    private readonly ScalarType _type = stored.Rows.dtype;
    private readonly long _headStride = stored.Rows.stride(0);
    private readonly long _rowStride = stored.Rows.stride(1);
    private readonly long _scaleStride = stored.Scales?.stride(0) ?? 0;

    /// <summary>A row without its scale: where it lies if that is float32, else widened into the buffer.</summary>
    /// <param name="head">The key/value head.</param>
    /// <param name="key">The key.</param>
    /// <param name="buffer">Room for a row.</param>
    /// <param name="d">Its width.</param>
    public float* Row(int head, int key, float* buffer, int d)
    {
        long at = (head * _headStride) + (key * _rowStride);
        if (_type == ScalarType.Float32)
        {
            return (float*)_data + at;
        }

        if (_type == ScalarType.BFloat16)
        {
            Bf16.Widen((ushort*)_data + at, buffer, d);
        }
        else
        {
            Widen((sbyte*)_data + at, buffer, d);
        }

        return buffer;
    }

    /// <summary>Multiplies one number a key with the keys' scales; nothing where rows are no codes.</summary>
    /// <param name="head">The key/value head.</param>
    /// <param name="values">A number for each key.</param>
    /// <param name="keys">Keys.</param>
    public void Scale(int head, float* values, int keys)
    {
        if (_scales != 0)
        {
            Multiply(values, (float*)_scales + (head * _scaleStride), keys);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Multiply(float* values, float* factors, int count)
    {
        int i = 0;
        for (; i + 8 <= count; i += 8)
        {
            (Vector256.Load(values + i) * Vector256.Load(factors + i)).Store(values + i);
        }

        for (; i < count; i++)
        {
            values[i] *= factors[i];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Widen(sbyte* codes, float* target, int count)
    {
        int i = 0;
        for (; i + 16 <= count; i += 16)
        {
            (Vector128<short> low, Vector128<short> high) = Vector128.Widen(Vector128.Load(codes + i));
            (Vector256<int> first, Vector256<int> second) = Vector256.Widen(Vector256.Create(low, high));
            Vector256.ConvertToSingle(first).Store(target + i);
            Vector256.ConvertToSingle(second).Store(target + i + 8);
        }

        for (; i < count; i++)
        {
            target[i] = codes[i];
        }
    }
}
