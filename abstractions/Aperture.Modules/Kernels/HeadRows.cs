using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Kernels;

/// <summary>The memory of rows of heads, float32 or bf16, each row's elements side by side.</summary>
internal readonly unsafe struct HeadRows
{
    private readonly nint _data;
    private readonly long _headStride, _rowStride;
    private readonly bool _halves;

    /// <summary>Rows of a tensor.</summary>
    /// <param name="tensor">Has a dimension of heads, one of rows and last one of elements with stride 1, and others of size 1; must outlive this.</param>
    /// <param name="heads">The dimension of heads.</param>
    /// <param name="rows">The dimension of rows.</param>
    public HeadRows(Tensor tensor, int heads, int rows)
        : this(tensor, tensor.stride(heads), tensor.stride(rows))
    {
    }

    private HeadRows(Tensor tensor, long headStride, long rowStride)
    {
        (_data, _halves) = ((nint)TensorMemory.Pointer(tensor), tensor.dtype == ScalarType.BFloat16);
        (_headStride, _rowStride) = (headStride, rowStride);
    }

    private HeadRows(in HeadRows all, long offset)
    {
        this = all;
        _data += (nint)(offset * (_halves ? sizeof(ushort) : sizeof(float)));
    }

    /// <summary>One row of each head, one behind the other.</summary>
    /// <param name="tensor">Contiguous; must outlive this.</param>
    /// <param name="d">Elements of a row.</param>
    public static HeadRows SideBySide(Tensor tensor, int d) => new(tensor, (long)d, 0L);

    /// <summary>The same rows some elements further on: another sample's.</summary>
    public HeadRows Skip(long elements) => new(this, elements);

    /// <summary>Copies a row out, as float32.</summary>
    public void Read(int head, int row, float* target, int d)
    {
        long at = (head * _headStride) + (row * _rowStride);
        if (_halves)
        {
            Bf16.Widen((ushort*)_data + at, target, d);
        }
        else
        {
            new ReadOnlySpan<float>((float*)_data + at, d).CopyTo(new Span<float>(target, d));
        }
    }

    /// <summary>Adds a row to float32 numbers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void AddTo(int head, int row, float* target, int count)
    {
        long at = (head * _headStride) + (row * _rowStride);
        if (!_halves)
        {
            Add((float*)_data + at, target, count);
            return;
        }

        ushort* source = (ushort*)_data + at;
        int i = 0;
        for (; i + 16 <= count; i += 16)
        {
            Bf16.Load(source + i, out Vector256<float> low, out Vector256<float> high);
            (Vector256.Load(target + i) + low).Store(target + i);
            (Vector256.Load(target + i + 8) + high).Store(target + i + 8);
        }

        for (; i < count; i++)
        {
            target[i] += Bf16.Widen(source[i]);
        }
    }

    /// <summary>Copies a row in.</summary>
    public void Write(int head, int row, float* source, int d)
    {
        long at = (head * _headStride) + (row * _rowStride);
        if (_halves)
        {
            Bf16.Round(source, (ushort*)_data + at, d);
        }
        else
        {
            new ReadOnlySpan<float>(source, d).CopyTo(new Span<float>((float*)_data + at, d));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Add(float* source, float* target, int count)
    {
        int i = 0;
        for (; i + 16 <= count; i += 16)
        {
            (Vector512.Load(target + i) + Vector512.Load(source + i)).Store(target + i);
        }

        for (; i < count; i++)
        {
            target[i] += source[i];
        }
    }
}
