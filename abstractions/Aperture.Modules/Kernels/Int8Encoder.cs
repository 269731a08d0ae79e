using System.Runtime.Intrinsics;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Kernels;

/// <summary>Quantises the rows of a weight matrix to eight bits.</summary>
internal static unsafe class Int8Encoder
{
    private const int ElementsPerBlock = 1 << 22; // float32 copies of a block are 16 MB

    /// <summary>Encodes.</summary>
    /// <param name="team">The threads.</param>
    /// <param name="weight"><c>[outputs, inputs]</c> in any floating type; borrowed.</param>
    /// <param name="codes">Gets int8 <c>[outputs, inputs]</c>.</param>
    /// <param name="scales">Gets float32 <c>[outputs]</c>; not finite for a row with an element that is not.</param>
    /// <param name="sums">Gets the sum of each row's codes, int32 <c>[outputs]</c>.</param>
    public static void Encode(WorkerTeam team, Tensor weight, Tensor codes, Tensor scales, Tensor sums)
    {
        int outputs = (int)weight.size(0), inputs = (int)weight.size(1), step = Math.Max(1, ElementsPerBlock / Math.Max(1, inputs));
        nint target = (nint)TensorMemory.Pointer(codes), factors = (nint)TensorMemory.Pointer(scales), totals = (nint)TensorMemory.Pointer(sums);
        for (int first = 0; first < outputs; first += step)
        {
            using Tensor part = weight.narrow(0, first, Math.Min(step, outputs - first));
            using Tensor wide = part.to_type(ScalarType.Float32);
            using Tensor rows = wide.contiguous();
            nint source = (nint)TensorMemory.Pointer(rows);
            int count = (int)rows.size(0), from = first;
            int chunks = Gemv.Chunks(team, count, inputs);
            team.Run(chunks, chunk =>
            {
                (int begin, int end) = Gemv.Range(count, chunks, chunk);
                for (int row = begin; row < end; row++)
                {
                    sbyte* code = (sbyte*)target + ((long)(from + row) * inputs);
                    float scale = RowQuantizer.Row((float*)source + ((long)row * inputs), code, inputs, float.PositiveInfinity, out Outlier[] infinite);
                    int sum = 0;
                    for (int i = 0; i < inputs; i++)
                    {
                        sum += code[i];
                    }

                    ((float*)factors)[from + row] = infinite.Length > 0 ? float.NaN : scale;
                    ((int*)totals)[from + row] = sum;
                }
            });
        }
    }

    /// <summary>Sums the codes of each row.</summary>
    /// <param name="team">The threads.</param>
    /// <param name="codes">int8 <c>[outputs, inputs]</c>; borrowed.</param>
    /// <param name="sums">Gets int32 <c>[outputs]</c>.</param>
    public static void Sum(WorkerTeam team, Tensor codes, Tensor sums)
    {
        int outputs = (int)codes.size(0), inputs = (int)codes.size(1), chunks = Gemv.Chunks(team, outputs, inputs);
        nint source = (nint)TensorMemory.Pointer(codes), totals = (nint)TensorMemory.Pointer(sums);
        team.Run(chunks, chunk =>
        {
            (int from, int to) = Gemv.Range(outputs, chunks, chunk);
            for (int row = from; row < to; row++)
            {
                ((int*)totals)[row] = Sum((sbyte*)source + ((long)row * inputs), inputs);
            }
        });
    }

    private static int Sum(sbyte* codes, int count)
    {
        Vector256<int> sums = default;
        int i = 0;
        for (; i + Vector256<sbyte>.Count <= count; i += Vector256<sbyte>.Count)
        {
            (Vector256<short> lower, Vector256<short> upper) = Vector256.Widen(Vector256.Load(codes + i));
            (Vector256<int> first, Vector256<int> second) = Vector256.Widen(lower + upper);
            sums += first + second;
        }

        int sum = Vector256.Sum(sums);
        for (; i < count; i++)
        {
            sum += codes[i];
        }

        return sum;
    }
}
