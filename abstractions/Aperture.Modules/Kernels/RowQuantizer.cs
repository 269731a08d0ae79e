using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace Aperture.Kernels;

/// <summary>Quantises rows to eight bits, each with a scale of its own, to nearest with ties to even.</summary>
internal static unsafe class RowQuantizer
{
    /// <summary>The largest code; -128 is not used, so that codes are symmetric.</summary>
    public const int Largest = 127;

    // What is further out than this many times the row's root mean square is an outlier: one such element would cost all others more than a bit.
    private const float OutlierSpread = 6;

    // Rows that are smaller throughout are zero: their scale would not be a normal number.
    private const float Smallest = 1e-30f;
    private const int ElementsPerChunk = 32768;

    /// <summary>Quantises activations.</summary>
    /// <param name="team">The threads.</param>
    /// <param name="x">Rows <c>[rows, width]</c> without gaps.</param>
    /// <param name="halves">Whether they are bf16, else float32.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="width">Their width.</param>
    public static QuantizedRows Quantize(WorkerTeam team, void* x, bool halves, int rows, int width)
    {
        Tensor codes = empty(rows, width, dtype: ScalarType.Int8);
        float[] scales = new float[rows];
        Outlier[][] outliers = new Outlier[rows][];
        nint source = (nint)x, target = (nint)TensorMemory.Pointer(codes);
        int perChunk = Math.Max(1, ElementsPerChunk / Math.Max(1, width));
        team.Run((rows + perChunk - 1) / perChunk, chunk =>
        {
            float[] buffer = halves ? ArrayPool<float>.Shared.Rent(width) : [];
            fixed (float* wide = buffer)
            {
                int to = Math.Min(rows, (chunk + 1) * perChunk);
                for (int row = chunk * perChunk; row < to; row++)
                {
                    byte* stored = (byte*)source + ((long)row * width * (halves ? 2 : 4));
                    float* values = Bf16.AsSingle(stored, wide, width, halves);
                    scales[row] = Row(values, (sbyte*)target + ((long)row * width), width, OutlierSpread, out outliers[row]);
                }
            }

            if (halves)
            {
                ArrayPool<float>.Shared.Return(buffer);
            }
        });
        return new QuantizedRows(codes, scales, outliers);
    }

    /// <summary>Quantises a row.</summary>
    /// <param name="x">The row.</param>
    /// <param name="codes">Gets its codes.</param>
    /// <param name="width">Its width.</param>
    /// <param name="spread">Beyond how many times the root mean square an element is an outlier; infinity for none but infinite ones.</param>
    /// <param name="outliers">Gets its outliers.</param>
    /// <returns>The scale; 0 for a row of zeros, NaN for one with a NaN.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Row(float* x, sbyte* codes, int width, float spread, out Outlier[] outliers)
    {
        outliers = [];
        (float squares, float largest) = Extent(x, width);
        if (float.IsNaN(squares))
        {
            new Span<sbyte>(codes, width).Clear();
            return float.NaN;
        }

        // Where squares overflow or vanish, there is no spread to compare with.
        float limit = float.IsFinite(squares) && squares > Smallest && float.IsFinite(spread) ? spread * MathF.Sqrt(squares / width) : float.MaxValue;
        if (largest > limit)
        {
            (outliers, largest) = Split(x, width, limit);
        }

        float inverse = largest < Smallest ? 0 : Largest / largest;
        Write(x, codes, width, limit, inverse);
        return largest < Smallest ? 0 : largest / Largest;
    }

    // The sum of squares, which is NaN exactly where an element is, and the largest absolute value.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static (float Squares, float Largest) Extent(float* x, int width)
    {
        Vector256<float> squares = default, more = default, largest = default;
        int i = 0;
        for (; i + 16 <= width; i += 16)
        {
            Vector256<float> a = Vector256.Load(x + i), b = Vector256.Load(x + i + 8);
            squares += a * a;
            more += b * b;
            largest = Vector256.MaxNative(largest, Vector256.MaxNative(Vector256.Abs(a), Vector256.Abs(b)));
        }

        float sum = Vector256.Sum(squares + more), most = 0;
        for (int lane = 0; lane < Vector256<float>.Count; lane++)
        {
            most = MathF.Max(most, largest[lane]);
        }

        for (; i < width; i++)
        {
            sum += x[i] * x[i];
            most = MathF.Max(most, MathF.Abs(x[i]));
        }

        return (sum, most);
    }

    private static (Outlier[] Outliers, float Largest) Split(float* x, int width, float limit)
    {
        List<Outlier> outliers = [];
        float largest = 0;
        for (int i = 0; i < width; i++)
        {
            float size = MathF.Abs(x[i]);
            if (size > limit)
            {
                outliers.Add(new Outlier(i, x[i]));
            }
            else
            {
                largest = MathF.Max(largest, size);
            }
        }

        return ([.. outliers], largest);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Write(float* x, sbyte* codes, int width, float limit, float inverse)
    {
        Vector256<float> factor = Vector256.Create(inverse), most = Vector256.Create(limit);
        int i = 0;
        for (; i + 32 <= width; i += 32)
        {
            Vector256<short> low = Vector256.Narrow(Codes(x + i), Codes(x + i + 8)), high = Vector256.Narrow(Codes(x + i + 16), Codes(x + i + 24));
            Vector256.Narrow(low, high).Store(codes + i);
        }

        for (; i < width; i++)
        {
            codes[i] = MathF.Abs(x[i]) <= limit ? (sbyte)MathF.Round(x[i] * inverse) : (sbyte)0;
        }

        Vector256<int> Codes(float* from)
        {
            Vector256<float> value = Vector256.Load(from);
            Vector256<float> inside = Vector256.LessThanOrEqual(Vector256.Abs(value), most) & value;
            return Vector256.ConvertToInt32Native(Vector256.Round(inside * factor));
        }
    }
}
