using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Aperture.Kernels;

/// <summary>The instructions that multiply eight-bit integers.</summary>
internal enum Int8Instructions
{
    /// <summary>None: one by one.</summary>
    Plain,

    /// <summary>Sixteen-bit products of 256 bits.</summary>
    Avx2,

    /// <summary>Sixteen-bit products of 512 bits.</summary>
    Avx512,

    /// <summary>Eight-bit products of 256 bits, summed by fours.</summary>
    AvxVnni,
}

/// <summary>
/// Dot products of a row of weights with one or four rows of activations, exact in 32 bits. Each set of instructions wants activations in its own form, see
/// <see cref="Prepare"/>. Weights are read once, in order.
/// </summary>
internal static unsafe class Int8Dot
{
    /// <summary>Rows of activations that a call can take together.</summary>
    public const int Together = 4;
    private const int PrefetchBytes = 2048;

    /// <summary>The best instructions of this processor.</summary>
    public static Int8Instructions Best { get; }
        = AvxVnni.IsSupported ? Int8Instructions.AvxVnni
        : Avx512BW.IsSupported ? Int8Instructions.Avx512
        : Avx2.IsSupported ? Int8Instructions.Avx2
        : Int8Instructions.Plain;

    /// <summary>Whether this processor has them.</summary>
    public static bool Has(Int8Instructions instructions) => instructions switch
    {
        Int8Instructions.AvxVnni => AvxVnni.IsSupported,
        Int8Instructions.Avx512 => Avx512BW.IsSupported,
        Int8Instructions.Avx2 => Avx2.IsSupported,
        _ => true,
    };

    /// <summary>Bytes of a prepared activation.</summary>
    public static int Size(Int8Instructions instructions) => instructions is Int8Instructions.Avx2 or Int8Instructions.Avx512 ? 2 : 1;

    /// <summary>Writes activations in the form that <see cref="One"/> and <see cref="Four"/> read.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Prepare(Int8Instructions instructions, sbyte* codes, byte* target, long count)
    {
        switch (instructions)
        {
            case Int8Instructions.AvxVnni: // unsigned: 128 more; the caller's sums take it off again
                for (long i = 0; i < count; i++)
                {
                    target[i] = (byte)(codes[i] + 128);
                }

                break;
            case Int8Instructions.Plain:
                Buffer.MemoryCopy(codes, target, count, count);
                break;
            default:
                for (long i = 0; i < count; i++)
                {
                    ((short*)target)[i] = codes[i];
                }

                break;
        }
    }

    /// <summary>A row of weights times a row of activations.</summary>
    /// <param name="instructions">What to compute with.</param>
    /// <param name="w">The weights' codes.</param>
    /// <param name="x">The prepared activations.</param>
    /// <param name="k">Width.</param>
    /// <param name="sum">The sum of the weights' codes.</param>
    public static int One(Int8Instructions instructions, sbyte* w, byte* x, int k, int sum) => instructions switch
    {
        Int8Instructions.AvxVnni => OneVnni(w, x, k) - (128 * sum),
        Int8Instructions.Avx512 => OneAvx512(w, (short*)x, k),
        Int8Instructions.Avx2 => OneAvx2(w, (short*)x, k),
        _ => OnePlain(w, (sbyte*)x, k),
    };

    /// <summary>As <see cref="One"/> for four rows of activations, which lie one after the other; <paramref name="result"/> gets four sums.</summary>
    public static void Four(Int8Instructions instructions, sbyte* w, byte* x, int k, int sum, int* result)
    {
        switch (instructions)
        {
            case Int8Instructions.AvxVnni:
                FourVnni(w, x, k, result);
                for (int row = 0; row < Together; row++)
                {
                    result[row] -= 128 * sum;
                }

                break;
            case Int8Instructions.Avx512:
                FourAvx512(w, (short*)x, k, result);
                break;
            default:
                for (int row = 0; row < Together; row++)
                {
                    result[row] = One(instructions, w, x + ((long)row * k * Size(instructions)), k, sum);
                }

                break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int OneVnni(sbyte* w, byte* x, int k)
    {
        Vector256<int> a = default, b = default, c = default, d = default;
        int i = 0;
        for (; i + 128 <= k; i += 128)
        {
            // The processor's own prefetching ends at each page.
            Sse.Prefetch0(w + i + PrefetchBytes);
            Sse.Prefetch0(w + i + PrefetchBytes + 64);
            a = AvxVnni.MultiplyWideningAndAdd(a, Vector256.Load(x + i), Vector256.Load(w + i));
            b = AvxVnni.MultiplyWideningAndAdd(b, Vector256.Load(x + i + 32), Vector256.Load(w + i + 32));
            c = AvxVnni.MultiplyWideningAndAdd(c, Vector256.Load(x + i + 64), Vector256.Load(w + i + 64));
            d = AvxVnni.MultiplyWideningAndAdd(d, Vector256.Load(x + i + 96), Vector256.Load(w + i + 96));
        }

        for (; i + 32 <= k; i += 32)
        {
            a = AvxVnni.MultiplyWideningAndAdd(a, Vector256.Load(x + i), Vector256.Load(w + i));
        }

        int sum = Vector256.Sum((a + b) + (c + d));
        for (; i < k; i++)
        {
            sum += w[i] * x[i];
        }

        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FourVnni(sbyte* w, byte* x, int k, int* result)
    {
        byte* x1 = x + k, x2 = x1 + k, x3 = x2 + k;
        Vector256<int> a0 = default, a1 = default, a2 = default, a3 = default, b0 = default, b1 = default, b2 = default, b3 = default;
        int i = 0;
        for (; i + 64 <= k; i += 64)
        {
            Sse.Prefetch0(w + i + PrefetchBytes);
            Vector256<sbyte> first = Vector256.Load(w + i), second = Vector256.Load(w + i + 32);
            a0 = AvxVnni.MultiplyWideningAndAdd(a0, Vector256.Load(x + i), first);
            a1 = AvxVnni.MultiplyWideningAndAdd(a1, Vector256.Load(x1 + i), first);
            a2 = AvxVnni.MultiplyWideningAndAdd(a2, Vector256.Load(x2 + i), first);
            a3 = AvxVnni.MultiplyWideningAndAdd(a3, Vector256.Load(x3 + i), first);
            b0 = AvxVnni.MultiplyWideningAndAdd(b0, Vector256.Load(x + i + 32), second);
            b1 = AvxVnni.MultiplyWideningAndAdd(b1, Vector256.Load(x1 + i + 32), second);
            b2 = AvxVnni.MultiplyWideningAndAdd(b2, Vector256.Load(x2 + i + 32), second);
            b3 = AvxVnni.MultiplyWideningAndAdd(b3, Vector256.Load(x3 + i + 32), second);
        }

        (result[0], result[1], result[2], result[3]) = (Vector256.Sum(a0 + b0), Vector256.Sum(a1 + b1), Vector256.Sum(a2 + b2), Vector256.Sum(a3 + b3));
        for (; i < k; i++)
        {
            result[0] += w[i] * x[i];
            result[1] += w[i] * x1[i];
            result[2] += w[i] * x2[i];
            result[3] += w[i] * x3[i];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int OneAvx512(sbyte* w, short* x, int k)
    {
        Vector512<int> a = default, b = default, c = default, d = default;
        int i = 0;
        for (; i + 128 <= k; i += 128)
        {
            Sse.Prefetch0(w + i + PrefetchBytes);
            Sse.Prefetch0(w + i + PrefetchBytes + 64);
            a += Avx512BW.MultiplyAddAdjacent(Wide512(w + i), Vector512.Load(x + i));
            b += Avx512BW.MultiplyAddAdjacent(Wide512(w + i + 32), Vector512.Load(x + i + 32));
            c += Avx512BW.MultiplyAddAdjacent(Wide512(w + i + 64), Vector512.Load(x + i + 64));
            d += Avx512BW.MultiplyAddAdjacent(Wide512(w + i + 96), Vector512.Load(x + i + 96));
        }

        for (; i + 32 <= k; i += 32)
        {
            a += Avx512BW.MultiplyAddAdjacent(Wide512(w + i), Vector512.Load(x + i));
        }

        int sum = Vector512.Sum((a + b) + (c + d));
        for (; i < k; i++)
        {
            sum += w[i] * x[i];
        }

        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FourAvx512(sbyte* w, short* x, int k, int* result)
    {
        short* x1 = x + k, x2 = x1 + k, x3 = x2 + k;
        Vector512<int> a0 = default, a1 = default, a2 = default, a3 = default;
        int i = 0;
        for (; i + 32 <= k; i += 32)
        {
            Sse.Prefetch0(w + i + PrefetchBytes);
            Vector512<short> wide = Wide512(w + i);
            a0 += Avx512BW.MultiplyAddAdjacent(wide, Vector512.Load(x + i));
            a1 += Avx512BW.MultiplyAddAdjacent(wide, Vector512.Load(x1 + i));
            a2 += Avx512BW.MultiplyAddAdjacent(wide, Vector512.Load(x2 + i));
            a3 += Avx512BW.MultiplyAddAdjacent(wide, Vector512.Load(x3 + i));
        }

        (result[0], result[1], result[2], result[3]) = (Vector512.Sum(a0), Vector512.Sum(a1), Vector512.Sum(a2), Vector512.Sum(a3));
        for (; i < k; i++)
        {
            result[0] += w[i] * x[i];
            result[1] += w[i] * x1[i];
            result[2] += w[i] * x2[i];
            result[3] += w[i] * x3[i];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int OneAvx2(sbyte* w, short* x, int k)
    {
        Vector256<int> a = default, b = default, c = default, d = default;
        int i = 0;
        for (; i + 64 <= k; i += 64)
        {
            Sse.Prefetch0(w + i + PrefetchBytes);
            a += Avx2.MultiplyAddAdjacent(Wide256(w + i), Vector256.Load(x + i));
            b += Avx2.MultiplyAddAdjacent(Wide256(w + i + 16), Vector256.Load(x + i + 16));
            c += Avx2.MultiplyAddAdjacent(Wide256(w + i + 32), Vector256.Load(x + i + 32));
            d += Avx2.MultiplyAddAdjacent(Wide256(w + i + 48), Vector256.Load(x + i + 48));
        }

        int sum = Vector256.Sum((a + b) + (c + d));
        for (; i < k; i++)
        {
            sum += w[i] * x[i];
        }

        return sum;
    }

    private static int OnePlain(sbyte* w, sbyte* x, int k)
    {
        int sum = 0;
        for (int i = 0; i < k; i++)
        {
            sum += w[i] * x[i];
        }

        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<short> Wide512(sbyte* w) => Avx512BW.ConvertToVector512Int16(Vector256.Load(w));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<short> Wide256(sbyte* w) => Avx2.ConvertToVector256Int16(Vector128.Load(w));
}
