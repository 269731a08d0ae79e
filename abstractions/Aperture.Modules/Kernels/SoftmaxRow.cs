using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Aperture.Kernels;

/// <summary>Softmax of a row of float32 in place.</summary>
internal static unsafe class SoftmaxRow
{
    /// <summary>Logits become shares that sum to 1.</summary>
    /// <param name="logits">The row.</param>
    /// <param name="count">Its length, at least 1.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(float* logits, int count)
    {
        float peak = Peak(logits, count);
        Vector512<float> shift = Vector512.Create(peak), sum = default;
        int at = 0;
        for (; at + 16 <= count; at += 16)
        {
            Vector512<float> e = Vector512.Exp(Vector512.Load(logits + at) - shift);
            e.Store(logits + at);
            sum += e;
        }

        float total = Vector512.Sum(sum);
        for (; at < count; at++)
        {
            logits[at] = MathF.Exp(logits[at] - peak);
            total += logits[at];
        }

        Vector512<float> factor = Vector512.Create(1f / total);
        for (at = 0; at + 16 <= count; at += 16)
        {
            (Vector512.Load(logits + at) * factor).Store(logits + at);
        }

        for (; at < count; at++)
        {
            logits[at] *= 1f / total;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Peak(float* logits, int count)
    {
        Vector512<float> peaks = Vector512.Create(float.NegativeInfinity);
        int at = 0;
        for (; at + 16 <= count; at += 16)
        {
            peaks = Vector512.Max(peaks, Vector512.Load(logits + at));
        }

        float peak = float.NegativeInfinity;
        for (int lane = 0; lane < 16; lane++)
        {
            peak = MathF.Max(peak, peaks[lane]);
        }

        for (; at < count; at++)
        {
            peak = MathF.Max(peak, logits[at]);
        }

        return peak;
    }
}
