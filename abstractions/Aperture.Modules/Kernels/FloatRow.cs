using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Aperture.Kernels;

/// <summary>What is done to a row of float32 in place.</summary>
internal static unsafe class FloatRow
{
    /// <summary>Logits become shares that sum to 1.</summary>
    /// <param name="logits">The row.</param>
    /// <param name="count">Its length, at least 1.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Softmax(float* logits, int count)
    {
        float peak = Peak(logits, count);
        Vector512<float> shift = Vector512.Create(peak), sum = default;
        int at = 0;
        for (; at + 16 <= count; at += 16)
        {
            Vector512<float> e = FloatExp.Of(Vector512.Load(logits + at) - shift);
            e.Store(logits + at);
            sum += e;
        }

        float total = Vector512.Sum(sum);
        for (; at < count; at++)
        {
            logits[at] = MathF.Exp(logits[at] - peak);
            total += logits[at];
        }

        Scale(logits, count, 1f / total);
    }

    /// <summary>Multiplies a row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Scale(float* values, int count, float factor)
    {
        Vector512<float> factors = Vector512.Create(factor);
        int at = 0;
        for (; at + 16 <= count; at += 16)
        {
            (Vector512.Load(values + at) * factors).Store(values + at);
        }

        for (; at < count; at++)
        {
            values[at] *= factor;
        }
    }

    /// <summary>The largest number of a row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Peak(float* values, int count)
    {
        Vector512<float> peaks = Vector512.Create(float.NegativeInfinity);
        int at = 0;
        for (; at + 16 <= count; at += 16)
        {
            peaks = Vector512.Max(peaks, Vector512.Load(values + at));
        }

        float peak = float.NegativeInfinity;
        for (int lane = 0; lane < 16; lane++)
        {
            peak = MathF.Max(peak, peaks[lane]);
        }

        for (; at < count; at++)
        {
            peak = MathF.Max(peak, values[at]);
        }

        return peak;
    }
}
