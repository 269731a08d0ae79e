using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Kernels;

/// <summary>
/// Rows in eight bits times a matrix in eight bits: <c>y = weight scale · (row scale · Σ codes · codes + Σ outlier · code) + bias</c>. Sums of codes are exact
/// integers and the rest is computed in one order, so that a row's result depends neither on the threads nor on the rows beside it nor on the path it takes.
/// </summary>
internal static unsafe partial class Int8Product
{
    /// <summary>Widest rows whose sums of codes cannot leave 32 bits.</summary>
    public const int MaximumInputs = int.MaxValue / (RowQuantizer.Largest * RowQuantizer.Largest);

    // Up to as many rows the managed product, which reads the weights once, is the faster one.
    private const int FewRows = 12;
    private const int RowsPerPass = 256;
    private const int OutputsTogether = 16;
    private const int ElementsPerChunk = 32768;

    static Int8Product()
    {
        // Makes TorchSharp load its natives, and with them the library that the import below names.
        empty(0).Dispose();
        IsLibraryExact = ProductIsExact();
    }

    /// <summary>
    /// Whether libtorch's integer product gives exact sums for the largest codes. On processors without eight-bit dot products it may clip pairs of products
    /// to 16 bits; then it is not used.
    /// </summary>
    public static bool IsLibraryExact { get; }

    /// <summary>Whether the managed product takes a number of rows: few ones, or all where the library's is not exact.</summary>
    public static bool IsManaged(int rows) => rows <= FewRows || !IsLibraryExact;

    /// <summary>Multiplies.</summary>
    /// <param name="team">The threads.</param>
    /// <param name="x">The rows.</param>
    /// <param name="weights">The matrix.</param>
    /// <param name="codes">The matrix's codes as a tensor.</param>
    /// <param name="y">Gets <c>[rows, outputs]</c>.</param>
    /// <param name="halves">Whether the result is bf16, else float32.</param>
    public static void Run(WorkerTeam team, QuantizedRows x, Int8Weights weights, Tensor codes, void* y, bool halves)
    {
        if (IsManaged(x.Rows))
        {
            Managed(team, x, weights, y, halves, Int8Dot.Best);
        }
        else
        {
            ByLibrary(team, x, weights, codes, y, halves);
        }
    }

    /// <summary>The managed product. It reads the weights once for every 256 rows.</summary>
    public static void Managed(WorkerTeam team, QuantizedRows x, Int8Weights weights, void* y, bool halves, Int8Instructions instructions)
    {
        Int8Kernel kernel = new(weights.Codes, weights.Sums, weights.Inputs, instructions);
        Managed(team, x, kernel, weights.Scales, weights.Bias, weights.Outputs, weights.Inputs, y, halves);
    }

    /// <summary>The managed product over any kernel.</summary>
    public static void Managed<T>(WorkerTeam team, QuantizedRows x, T weights, float* scales, float* bias, int outputs, int inputs, void* y, bool halves)
        where T : struct, ICodeKernel
    {
        for (int first = 0; first < x.Rows; first += RowsPerPass)
        {
            Pass(team, x, first, Math.Min(RowsPerPass, x.Rows - first), weights, scales, bias, outputs, inputs, y, halves);
        }
    }

    /// <summary>The product of many rows: libtorch's integers, then one pass for scales, outliers and bias.</summary>
    public static void ByLibrary(WorkerTeam team, QuantizedRows x, Int8Weights weights, Tensor codes, void* y, bool halves)
    {
        (int rows, int n) = (x.Rows, weights.Outputs);
        using Tensor sums = Integers(x.Codes, codes); // [rows, k] -> [rows, n]
        int[] columns = [.. x.Outliers.SelectMany(row => row).Select(outlier => outlier.Column).Distinct().Order()];
        using Tensor gathered = Gather(team, weights, columns);
        nint ps = (nint)TensorMemory.Pointer(sums), py = (nint)y, pg = (nint)TensorMemory.Pointer(gathered);
        int perChunk = Math.Max(1, ElementsPerChunk / Math.Max(1, n));
        team.Run((rows + perChunk - 1) / perChunk, chunk =>
        {
            float[] buffer = columns.Length == 0 ? [] : ArrayPool<float>.Shared.Rent(n);
            fixed (float* room = buffer)
            {
                int to = Math.Min(rows, (chunk + 1) * perChunk);
                for (int row = chunk * perChunk; row < to; row++)
                {
                    float* extra = null;
                    if (x.Outliers[row].Length > 0)
                    {
                        extra = room;
                        new Span<float>(extra, n).Clear();
                        foreach (Outlier outlier in x.Outliers[row])
                        {
                            Add((float*)pg + ((long)Array.BinarySearch(columns, outlier.Column) * n), outlier.Value, extra, n);
                        }
                    }

                    Finish((int*)ps + ((long)row * n), x.Scales[row], extra, weights, (void*)py, (long)row * n, halves);
                }
            }

            if (buffer.Length > 0)
            {
                ArrayPool<float>.Shared.Return(buffer);
            }
        });
    }

    private static void Pass<T>(
        WorkerTeam team, QuantizedRows x, int first, int rows, T weights, float* scales, float* bias, int n, int k, void* y, bool halves)
        where T : struct, ICodeKernel
    {
        long stride = weights.PreparedBytes;
        byte[] buffer = ArrayPool<byte>.Shared.Rent((int)Math.Max(1, rows * stride));
        fixed (byte* prepared = buffer)
        {
            for (int row = 0; row < rows; row++)
            {
                weights.Prepare(x.Row(first + row, k), prepared + (row * stride));
            }

            nint px = (nint)prepared, py = (nint)y, ps = (nint)scales, pb = (nint)bias;
            int chunks = Gemv.Chunks(team, n, k);
            team.Run(chunks, chunk =>
            {
                int* sums = stackalloc int[Int8Dot.Together];
                (int from, int to) = Gemv.Range(n, chunks, chunk);
                for (int output = from; output < to; output++)
                {
                    float scale = ((float*)ps)[output], added = pb == 0 ? 0 : ((float*)pb)[output];
                    for (int row = 0; row < rows; row += Int8Dot.Together)
                    {
                        int count = Math.Min(Int8Dot.Together, rows - row);
                        byte* block = (byte*)px + (row * stride);
                        if (count == Int8Dot.Together)
                        {
                            weights.Four(output, block, sums);
                        }
                        else
                        {
                            for (int i = 0; i < count; i++)
                            {
                                sums[i] = weights.One(output, block + (i * stride));
                            }
                        }

                        for (int i = 0; i < count; i++)
                        {
                            int own = first + row + i;
                            float extra = 0;
                            foreach (Outlier outlier in x.Outliers[own])
                            {
                                extra = MathF.FusedMultiplyAdd(outlier.Value, weights.Code(output, outlier.Column), extra);
                            }

                            float value = MathF.FusedMultiplyAdd(scale, MathF.FusedMultiplyAdd(x.Scales[own], sums[i], extra), added);
                            Store((void*)py, ((long)own * n) + output, value, halves);
                        }
                    }
                }
            });
        }

        ArrayPool<byte>.Shared.Return(buffer);
    }

    // Scales, outliers and bias of all outputs of a row, in the order in which the managed product computes them.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Finish(int* sums, float scale, float* extra, Int8Weights weights, void* y, long at, bool halves)
    {
        Vector256<float> factor = Vector256.Create(scale);
        float* scales = weights.Scales, bias = weights.Bias;
        int count = weights.Outputs, i = 0;
        for (; i + 16 <= count; i += 16)
        {
            Vector256<float> low = Eight(i), high = Eight(i + 8);
            if (halves)
            {
                Bf16.Store((ushort*)y + at + i, low, high);
            }
            else
            {
                low.Store((float*)y + at + i);
                high.Store((float*)y + at + i + 8);
            }
        }

        for (; i < count; i++)
        {
            float inner = MathF.FusedMultiplyAdd(scale, sums[i], extra is null ? 0 : extra[i]);
            Store(y, at + i, MathF.FusedMultiplyAdd(scales[i], inner, bias is null ? 0 : bias[i]), halves);
        }

        Vector256<float> Eight(int j)
        {
            Vector256<float> sum = Vector256.ConvertToSingle(Vector256.Load(sums + j));
            Vector256<float> inner = Vector256.FusedMultiplyAdd(factor, sum, extra is null ? default : Vector256.Load(extra + j));
            return Vector256.FusedMultiplyAdd(Vector256.Load(scales + j), inner, bias is null ? default : Vector256.Load(bias + j));
        }
    }

    // The codes of some columns as float32 [columns, outputs].
    private static Tensor Gather(WorkerTeam team, Int8Weights weights, int[] columns)
    {
        (int n, int k) = (weights.Outputs, weights.Inputs);
        Tensor gathered = empty(columns.Length, n);
        nint target = (nint)TensorMemory.Pointer(gathered);
        int chunks = Gemv.Chunks(team, n, columns.Length);
        team.Run(chunks, chunk =>
        {
            (int from, int to) = Gemv.Range(n, chunks, chunk);
            for (int first = from; first < to; first += OutputsTogether)
            {
                // A few outputs at a time, so that what is written lies together.
                int last = Math.Min(first + OutputsTogether, to);
                for (int i = 0; i < columns.Length; i++)
                {
                    float* column = (float*)target + ((long)i * n);
                    for (int output = first; output < last; output++)
                    {
                        column[output] = weights.Codes[((long)output * k) + columns[i]];
                    }
                }
            }
        });
        return gathered; // [columns, n]
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Add(float* column, float value, float* extra, int count)
    {
        Vector256<float> factor = Vector256.Create(value);
        int i = 0;
        for (; i + 8 <= count; i += 8)
        {
            Vector256.FusedMultiplyAdd(factor, Vector256.Load(column + i), Vector256.Load(extra + i)).Store(extra + i);
        }

        for (; i < count; i++)
        {
            extra[i] = MathF.FusedMultiplyAdd(value, column[i], extra[i]);
        }
    }

    private static void Store(void* y, long at, float value, bool halves)
    {
        if (halves)
        {
            ((ushort*)y)[at] = Bf16.Round(value);
        }
        else
        {
            ((float*)y)[at] = value;
        }
    }

    private static bool ProductIsExact()
    {
        // The largest codes of either sign: where pairs of products are clipped, these are.
        const int Rows = 48, Width = 320;
        using Tensor x = full([Rows, Width], RowQuantizer.Largest, dtype: ScalarType.Int8), w = x.clone();
        using Tensor lower = w.narrow(0, Rows / 2, Rows / 2);
        lower.fill_(-RowQuantizer.Largest);
        using Tensor sums = Integers(x, w);
        const int Expected = RowQuantizer.Largest * RowQuantizer.Largest * Width;
        int[] found = sums.data<int>().ToArray();
        return Enumerable.Range(0, found.Length).All(i => found[i] == (i % Rows < Rows / 2 ? Expected : -Expected));
    }

    // [rows, k] times the transposed [n, k] -> int32 [rows, n]
    internal static Tensor Integers(Tensor x, Tensor weight)
    {
        Tensor sums = empty(x.size(0), weight.size(0), dtype: ScalarType.Int32);
        using Tensor transposed = weight.t();
        if (aoti_torch_cpu__int_mm_out(sums.Handle, x.Handle, transposed.Handle) != 0)
        {
            sums.Dispose();
            throw new InvalidOperationException("libtorch refused an integer product; its message stands on standard error.");
        }

        return sums;
    }

    // Of libtorch's own C interface, which is found through the library that depends on it.
    [LibraryImport("LibTorchSharp")]
    private static partial int aoti_torch_cpu__int_mm_out(nint target, nint left, nint right);
}
