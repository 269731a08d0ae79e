using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Aperture.Kernels;

/// <summary>
/// Row-wise operations of a decoder layer on contiguous CPU memory, each one pass over it: RMS norm, rotary embedding, gated SiLU.
/// Rounding points are the reference's: the norm rounds before the gain is applied, SiLU rounds before the product. Compiled to their best at the first call:
/// a first question would spend half of its time in loops that were compiled in haste.
/// </summary>
internal static unsafe class RowKernels
{
    private const int ElementsPerChunk = 32768;

    public static void RmsNorm(WorkerTeam team, float* x, float* weight, float* y, int rows, int d, float eps)
    {
        nint px = (nint)x, pw = (nint)weight, py = (nint)y;
        ForRows(team, rows, d, [MethodImpl(MethodImplOptions.AggressiveOptimization)] (row) =>
        {
            float* source = (float*)px + ((long)row * d);
            float* target = (float*)py + ((long)row * d);
            Vector256<float> squares = default;
            int i = 0;
            for (; i + 8 <= d; i += 8)
            {
                Vector256<float> v = Vector256.Load(source + i);
                squares += v * v;
            }

            float sum = Vector256.Sum(squares);
            for (; i < d; i++)
            {
                sum += source[i] * source[i];
            }

            float scale = 1f / MathF.Sqrt((sum / d) + eps);
            for (i = 0; i + 8 <= d; i += 8)
            {
                (Vector256.Load((float*)pw + i) * (Vector256.Load(source + i) * scale)).Store(target + i);
            }

            for (; i < d; i++)
            {
                target[i] = ((float*)pw)[i] * (source[i] * scale);
            }
        });
    }

    public static void RmsNorm(WorkerTeam team, ushort* x, ushort* weight, ushort* y, int rows, int d, float eps)
    {
        nint px = (nint)x, pw = (nint)weight, py = (nint)y;
        ForRows(team, rows, d, [MethodImpl(MethodImplOptions.AggressiveOptimization)] (row) =>
        {
            ushort* source = (ushort*)px + ((long)row * d);
            ushort* target = (ushort*)py + ((long)row * d);
            Vector256<float> squares = default;
            int i = 0;
            for (; i + 16 <= d; i += 16)
            {
                Bf16.Load(source + i, out Vector256<float> low, out Vector256<float> high);
                squares += (low * low) + (high * high);
            }

            float sum = Vector256.Sum(squares);
            for (; i < d; i++)
            {
                float v = Bf16.Widen(source[i]);
                sum += v * v;
            }

            float scale = 1f / MathF.Sqrt((sum / d) + eps);
            for (i = 0; i + 16 <= d; i += 16)
            {
                Bf16.Load(source + i, out Vector256<float> low, out Vector256<float> high);
                Bf16.Load((ushort*)pw + i, out Vector256<float> gainLow, out Vector256<float> gainHigh);
                Bf16.Store(target + i, Bf16.RoundTrip(low * scale) * gainLow, Bf16.RoundTrip(high * scale) * gainHigh);
            }

            for (; i < d; i++)
            {
                target[i] = Bf16.Round(Bf16.Widen(((ushort*)pw)[i]) * Bf16.Widen(Bf16.Round(Bf16.Widen(source[i]) * scale)));
            }
        });
    }

    /// <summary>
    /// Rotates <c>[rows, heads, d]</c> in place, halves against each other. <paramref name="cos"/> and <paramref name="sin"/> hold <c>[rows, half]</c>.
    /// </summary>
    public static void Rotate(WorkerTeam team, float* x, float* cos, float* sin, int rows, int heads, int d, int half)
    {
        nint px = (nint)x, pc = (nint)cos, ps = (nint)sin;
        ForRows(team, rows, heads * d, [MethodImpl(MethodImplOptions.AggressiveOptimization)] (row) =>
        {
            float* c = (float*)pc + ((long)row * half);
            float* s = (float*)ps + ((long)row * half);
            for (int head = 0; head < heads; head++)
            {
                float* first = (float*)px + (((long)row * heads) + head) * d;
                float* second = first + half;
                int i = 0;
                for (; i + 8 <= half; i += 8)
                {
                    Vector256<float> a = Vector256.Load(first + i), b = Vector256.Load(second + i);
                    Vector256<float> vc = Vector256.Load(c + i), vs = Vector256.Load(s + i);
                    ((a * vc) - (b * vs)).Store(first + i);
                    ((b * vc) + (a * vs)).Store(second + i);
                }

                for (; i < half; i++)
                {
                    (float a, float b) = (first[i], second[i]);
                    first[i] = (a * c[i]) - (b * s[i]);
                    second[i] = (b * c[i]) + (a * s[i]);
                }
            }
        });
    }

    /// <summary>
    /// As <see cref="Rotate(WorkerTeam, float*, float*, float*, int, int, int, int)"/> on bf16 rows; tables stay float32, one rounding at the end.
    /// </summary>
    public static void Rotate(WorkerTeam team, ushort* x, float* cos, float* sin, int rows, int heads, int d, int half)
    {
        nint px = (nint)x, pc = (nint)cos, ps = (nint)sin;
        ForRows(team, rows, heads * d, [MethodImpl(MethodImplOptions.AggressiveOptimization)] (row) =>
        {
            float* c = (float*)pc + ((long)row * half);
            float* s = (float*)ps + ((long)row * half);
            for (int head = 0; head < heads; head++)
            {
                ushort* first = (ushort*)px + (((long)row * heads) + head) * d;
                ushort* second = first + half;
                int i = 0;
                for (; i + 16 <= half; i += 16)
                {
                    Bf16.Load(first + i, out Vector256<float> a0, out Vector256<float> a1);
                    Bf16.Load(second + i, out Vector256<float> b0, out Vector256<float> b1);
                    Vector256<float> c0 = Vector256.Load(c + i), c1 = Vector256.Load(c + i + 8);
                    Vector256<float> s0 = Vector256.Load(s + i), s1 = Vector256.Load(s + i + 8);
                    Bf16.Store(first + i, (a0 * c0) - (b0 * s0), (a1 * c1) - (b1 * s1));
                    Bf16.Store(second + i, (b0 * c0) + (a0 * s0), (b1 * c1) + (a1 * s1));
                }

                for (; i < half; i++)
                {
                    (float a, float b) = (Bf16.Widen(first[i]), Bf16.Widen(second[i]));
                    first[i] = Bf16.Round((a * c[i]) - (b * s[i]));
                    second[i] = Bf16.Round((b * c[i]) + (a * s[i]));
                }
            }
        });
    }

    /// <summary><c>gate = silu(gate) * up</c> in place.</summary>
    public static void SiluTimes(WorkerTeam team, float* gate, float* up, long count)
    {
        nint pg = (nint)gate, pu = (nint)up;
        ForElements(team, count, [MethodImpl(MethodImplOptions.AggressiveOptimization)] (from, to) =>
        {
            float* g = (float*)pg, u = (float*)pu;
            long i = from;
            for (; i + 8 <= to; i += 8)
            {
                (Silu(Vector256.Load(g + i)) * Vector256.Load(u + i)).Store(g + i);
            }

            for (; i < to; i++)
            {
                g[i] = g[i] / (1f + MathF.Exp(-g[i])) * u[i];
            }
        });
    }

    /// <summary><c>gate = silu(gate) * up</c> in place.</summary>
    public static void SiluTimes(WorkerTeam team, ushort* gate, ushort* up, long count)
    {
        nint pg = (nint)gate, pu = (nint)up;
        ForElements(team, count, [MethodImpl(MethodImplOptions.AggressiveOptimization)] (from, to) =>
        {
            ushort* g = (ushort*)pg, u = (ushort*)pu;
            long i = from;
            for (; i + 16 <= to; i += 16)
            {
                Bf16.Load(g + i, out Vector256<float> g0, out Vector256<float> g1);
                Bf16.Load(u + i, out Vector256<float> u0, out Vector256<float> u1);
                Bf16.Store(g + i, Bf16.RoundTrip(Silu(g0)) * u0, Bf16.RoundTrip(Silu(g1)) * u1);
            }

            for (; i < to; i++)
            {
                float v = Bf16.Widen(g[i]);
                g[i] = Bf16.Round(Bf16.Widen(Bf16.Round(v / (1f + MathF.Exp(-v)))) * Bf16.Widen(u[i]));
            }
        });
    }

    private static Vector256<float> Silu(Vector256<float> x) => x / (Vector256<float>.One + Vector256.Exp(-x));

    private static void ForRows(WorkerTeam team, int rows, int width, Action<int> body)
    {
        int perChunk = Math.Max(1, ElementsPerChunk / Math.Max(1, width));
        int chunks = (rows + perChunk - 1) / perChunk;
        team.Run(chunks, chunk =>
        {
            int to = Math.Min(rows, (chunk + 1) * perChunk);
            for (int row = chunk * perChunk; row < to; row++)
            {
                body(row);
            }
        });
    }

    private static void ForElements(WorkerTeam team, long count, Action<long, long> body)
    {
        int chunks = (int)((count + ElementsPerChunk - 1) / ElementsPerChunk);
        team.Run(chunks, chunk => body((long)chunk * ElementsPerChunk, Math.Min(count, (long)(chunk + 1) * ElementsPerChunk)));
    }
}
