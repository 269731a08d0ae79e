using System.Buffers;
using Aperture.Decoding;
using static TorchSharp.torch;

namespace Aperture.Kernels;

/// <summary>Quantises keys or values to eight bits, each row of a head with a scale of its own, to nearest with ties to even.</summary>
internal static unsafe class CacheRowEncoder
{
    /// <summary>Encodes rows. A row that holds an infinite number or none gets a scale that is no number, so that it stays as visible as it was.</summary>
    /// <param name="rows"><c>[kv heads, rows, head]</c> in float32 or bf16 on the CPU, a row of a head without gaps; borrowed.</param>
    /// <param name="target">Gets codes and scales of as many rows; borrowed.</param>
    public static void Encode(Tensor rows, StoredRows target)
    {
        (int heads, int count, int d) = ((int)rows.size(0), (int)rows.size(1), (int)rows.size(2));
        bool halves = rows.dtype == ScalarType.BFloat16;
        (long headStride, long rowStride) = (rows.stride(0), rows.stride(1));
        (long codeHead, long codeRow, long scaleHead) = (target.Rows.stride(0), target.Rows.stride(1), target.Scales!.stride(0));
        byte* source = (byte*)TensorMemory.Pointer(rows);
        sbyte* codes = (sbyte*)TensorMemory.Pointer(target.Rows);
        float* scales = (float*)TensorMemory.Pointer(target.Scales!);
        float[] buffer = ArrayPool<float>.Shared.Rent(d);
        fixed (float* wide = buffer)
        {
            for (int head = 0; head < heads; head++)
            {
                for (int row = 0; row < count; row++)
                {
                    void* stored = source + (((head * headStride) + (row * rowStride)) * (halves ? 2 : 4));
                    float* values = Bf16.AsSingle(stored, wide, d, halves);
                    float scale = RowQuantizer.Row(
                        values, codes + (head * codeHead) + (row * codeRow), d, float.PositiveInfinity, out Outlier[] infinite);
                    scales[(head * scaleHead) + row] = infinite.Length > 0 ? float.NaN : scale;
                }
            }
        }

        ArrayPool<float>.Shared.Return(buffer);
    }
}
