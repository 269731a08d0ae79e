using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Aperture.Decoding;

namespace Aperture.Kernels;

/// <summary>
/// One row times a weight matrix, <c>y = W x (+ b)</c>, straight from the stored weights: the whole cost of a decode step is reading them once.
/// bf16 weights are widened by shift and mask against an activation vector that was split into even and odd elements. One weight row at a time:
/// interleaving rows is slower, because each row is one stream for the prefetcher.
/// </summary>
internal static unsafe class Gemv
{
    private const int MinimumRowsPerChunk = 16;
    private const int PrefetchBytes = 1024;

    /// <summary>Activations in either type, bf16 weights <c>[n, k]</c>.</summary>
    /// <param name="team">Threads.</param>
    /// <param name="weight">The matrix.</param>
    /// <param name="x">Activations <c>[k]</c>.</param>
    /// <param name="halves">Whether the activations are bf16, else float32.</param>
    /// <param name="bias">float32 <c>[n]</c>, or null.</param>
    /// <param name="y">float32 <c>[n]</c>.</param>
    /// <param name="n">Outputs.</param>
    /// <param name="k">Inputs.</param>
    public static void Bf16(WorkerTeam team, ushort* weight, void* x, bool halves, float* bias, float* y, int n, int k)
    {
        int half = k / 2;
        float[] split = ArrayPool<float>.Shared.Rent((2 * (half + 16)) + 1);
        fixed (float* even = split)
        {
            float* odd = even + half + 16, tail = odd + half + 16;
            if (halves)
            {
                Kernels.Bf16.Split((ushort*)x, even, odd, k);
            }
            else
            {
                for (int i = 0; i < half; i++)
                {
                    even[i] = ((float*)x)[2 * i];
                    odd[i] = ((float*)x)[(2 * i) + 1];
                }
            }

            *tail = k % 2 == 0 ? 0 : halves ? Kernels.Bf16.Widen(((ushort*)x)[k - 1]) : ((float*)x)[k - 1];
            nint e = (nint)even, o = (nint)odd, last = (nint)tail, w = (nint)weight, pb = (nint)bias, py = (nint)y;
            int chunks = Chunks(team, n, k);
            team.Run(chunks, chunk =>
            {
                (int from, int to) = Range(n, chunks, chunk);
                for (int row = from; row < to; row++)
                {
                    float sum = DotBf16((ushort*)w + ((long)row * k), (float*)e, (float*)o, *(float*)last, k);
                    ((float*)py)[row] = pb == 0 ? sum : sum + ((float*)pb)[row];
                }
            });
        }

        ArrayPool<float>.Shared.Return(split);
    }

    /// <summary>float32 activations and weights.</summary>
    public static void Single(WorkerTeam team, float* weight, float* x, float* bias, float* y, int n, int k)
    {
        nint w = (nint)weight, px = (nint)x, pb = (nint)bias, py = (nint)y;
        int chunks = Chunks(team, n, k);
        team.Run(chunks, chunk =>
        {
            (int from, int to) = Range(n, chunks, chunk);
            for (int row = from; row < to; row++)
            {
                float sum = DotSingle((float*)w + ((long)row * k), (float*)px, k);
                ((float*)py)[row] = pb == 0 ? sum : sum + ((float*)pb)[row];
            }
        });
    }

    /// <summary>Into how many chunks of outputs a product is split.</summary>
    public static int Chunks(WorkerTeam team, int n, int k)
        => team.Threads == 1 || (long)n * k < 1 << 16 ? 1 : Math.Max(1, Math.Min(team.Threads * 8, n / MinimumRowsPerChunk));

    /// <summary>The outputs of a chunk.</summary>
    public static (int From, int To) Range(int n, int chunks, int chunk)
        => ((int)((long)n * chunk / chunks), (int)((long)n * (chunk + 1) / chunks));

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float DotBf16(ushort* w, float* even, float* odd, float last, int k)
    {
        Vector512<float> a = default, b = default, c = default, d = default;
        Vector512<uint> mask = Vector512.Create(0xffff0000u);
        int i = 0;
        for (; i + 64 <= k; i += 64)
        {
            if (Sse.IsSupported)
            {
                // The processor's own prefetching ends at each page.
                Sse.Prefetch0((byte*)(w + i) + PrefetchBytes);
                Sse.Prefetch0((byte*)(w + i) + PrefetchBytes + 64);
            }

            Vector512<uint> first = Vector512.Load((uint*)(w + i));
            Vector512<uint> second = Vector512.Load((uint*)(w + i + 32));
            int j = i / 2;
            a = Vector512.FusedMultiplyAdd((first << 16).AsSingle(), Vector512.Load(even + j), a);
            b = Vector512.FusedMultiplyAdd((first & mask).AsSingle(), Vector512.Load(odd + j), b);
            c = Vector512.FusedMultiplyAdd((second << 16).AsSingle(), Vector512.Load(even + j + 16), c);
            d = Vector512.FusedMultiplyAdd((second & mask).AsSingle(), Vector512.Load(odd + j + 16), d);
        }

        float sum = Vector512.Sum((a + b) + (c + d));
        for (; i + 1 < k; i += 2)
        {
            sum += (Kernels.Bf16.Widen(w[i]) * even[i / 2]) + (Kernels.Bf16.Widen(w[i + 1]) * odd[i / 2]);
        }

        if (i < k)
        {
            sum += Kernels.Bf16.Widen(w[i]) * last;
        }

        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float DotSingle(float* w, float* x, int k)
    {
        Vector512<float> a = default, b = default, c = default, d = default;
        int i = 0;
        for (; i + 64 <= k; i += 64)
        {
            a = Vector512.FusedMultiplyAdd(Vector512.Load(w + i), Vector512.Load(x + i), a);
            b = Vector512.FusedMultiplyAdd(Vector512.Load(w + i + 16), Vector512.Load(x + i + 16), b);
            c = Vector512.FusedMultiplyAdd(Vector512.Load(w + i + 32), Vector512.Load(x + i + 32), c);
            d = Vector512.FusedMultiplyAdd(Vector512.Load(w + i + 48), Vector512.Load(x + i + 48), d);
        }

        float sum = Vector512.Sum((a + b) + (c + d));
        for (; i < k; i++)
        {
            sum += w[i] * x[i];
        }

        return sum;
    }
}
