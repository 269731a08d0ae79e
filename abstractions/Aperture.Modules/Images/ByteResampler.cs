using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Aperture.Images;

/// <summary>
/// The two passes of resampling 8-bit pixels: 22-bit fixed point, each pass rounded to 8 bits. The vector paths compute the same integers as the scalar ones.
/// </summary>
internal static class ByteResampler
{
    private const int Half = 1 << (ResampleWeights.PrecisionBits - 1);

    /// <summary>
    /// Resamples rows [firstRow, firstRow + rows) along x. <paramref name="firstColumn"/> is the source column that column 0 of <paramref name="source"/>
    /// stands for.
    /// </summary>
    public static byte[] Horizontal(byte[] source, int sourceWidth, int channels, int firstColumn, int firstRow, int rows, ResampleWeights weights)
    {
        byte[] target = new byte[checked(weights.Count * rows * channels)];
        int[] k = weights.Fixed();
        int[] repeated = Avx2.IsSupported && channels >= 3 ? Repeat(k) : [];
        for (int y = 0; y < rows; y++)
        {
            int offset = (firstRow + y) * sourceWidth * channels;
            Span<byte> into = target.AsSpan(y * weights.Count * channels, weights.Count * channels);
            // Vector loads read up to two bytes past an RGB pixel, so the last row, which may end the array, goes without.
            bool spare = channels == 4 || (channels == 3 && offset + sourceWidth * channels + 2 <= source.Length);
            if (spare && Avx2.IsSupported)
            {
                HorizontalPairs(ref MemoryMarshal.GetReference(source.AsSpan(offset)), channels, firstColumn, into, weights, repeated);
            }
            else if (spare)
            {
                HorizontalVector(ref MemoryMarshal.GetReference(source.AsSpan(offset)), channels, firstColumn, into, weights, k);
            }
            else
            {
                HorizontalScalar(source.AsSpan(offset, sourceWidth * channels), channels, firstColumn, into, weights, k);
            }
        }

        return target;
    }

    /// <summary>Resamples all rows along y. <paramref name="firstRow"/> is the source row that row 0 of <paramref name="source"/> stands for.</summary>
    public static byte[] Vertical(byte[] source, int rowBytes, int firstRow, ResampleWeights weights)
    {
        byte[] target = new byte[checked(weights.Count * rowBytes)];
        int[] k = weights.Fixed();
        for (int y = 0; y < weights.Count; y++)
        {
            Span<int> taps = k.AsSpan(y * weights.Stride, weights.Taps[y]);
            Span<byte> from = source.AsSpan((weights.First[y] - firstRow) * rowBytes, taps.Length * rowBytes);
            Span<byte> into = target.AsSpan(y * rowBytes, rowBytes);
            int x = VerticalVector(from, rowBytes, into, taps);
            for (; x < rowBytes; x++)
            {
                int sum = Half;
                for (int t = 0, i = x; t < taps.Length; t++, i += rowBytes)
                {
                    sum += from[i] * taps[t];
                }

                into[x] = Clip(sum);
            }
        }

        return target;
    }

    private static void HorizontalScalar(ReadOnlySpan<byte> row, int channels, int firstColumn, Span<byte> into, ResampleWeights weights, int[] k)
    {
        for (int x = 0, o = 0; x < weights.Count; x++)
        {
            Span<int> taps = k.AsSpan(x * weights.Stride, weights.Taps[x]);
            for (int c = 0; c < channels; c++)
            {
                int sum = Half;
                for (int t = 0, i = (weights.First[x] - firstColumn) * channels + c; t < taps.Length; t++, i += channels)
                {
                    sum += row[i] * taps[t];
                }

                into[o++] = Clip(sum);
            }
        }
    }

    private static void HorizontalVector(ref byte row, int channels, int firstColumn, Span<byte> into, ResampleWeights weights, int[] k)
    {
        for (int x = 0, o = 0; x < weights.Count; x++, o += channels)
        {
            Vector128<int> even = Vector128.Create(Half);
            Vector128<int> odd = Vector128<int>.Zero;
            ref int weight = ref k[x * weights.Stride];
            ref byte pixel = ref Unsafe.Add(ref row, (weights.First[x] - firstColumn) * channels);
            int taps = weights.Taps[x];
            int t = 0;
            for (; t + 1 < taps; t += 2)
            {
                even += Load(ref pixel) * Vector128.Create(Unsafe.Add(ref weight, t));
                odd += Load(ref Unsafe.Add(ref pixel, channels)) * Vector128.Create(Unsafe.Add(ref weight, t + 1));
                pixel = ref Unsafe.Add(ref pixel, 2 * channels);
            }

            if (t < taps)
            {
                even += Load(ref pixel) * Vector128.Create(Unsafe.Add(ref weight, t));
            }

            Vector128<int> sum = Vector128.Clamp((even + odd) >> ResampleWeights.PrecisionBits, Vector128<int>.Zero, Vector128.Create(255));
            for (int c = 0; c < channels; c++)
            {
                into[o + c] = (byte)sum.GetElement(c);
            }
        }
    }

    /// <summary>Two pixels a step: eight bytes are widened, arranged as two pixels of four, and multiplied by two weights of four copies each.</summary>
    private static void HorizontalPairs(ref byte row, int channels, int firstColumn, Span<byte> into, ResampleWeights weights, int[] repeated)
    {
        Vector256<int> arrangement = channels == 3 ? Vector256.Create(0, 1, 2, 2, 3, 4, 5, 5) : Vector256.Create(0, 1, 2, 3, 4, 5, 6, 7);
        for (int x = 0, o = 0; x < weights.Count; x++, o += channels)
        {
            Vector256<int> pair = Vector256<int>.Zero;
            ref int weight = ref repeated[4 * x * weights.Stride];
            ref byte pixel = ref Unsafe.Add(ref row, (weights.First[x] - firstColumn) * channels);
            int taps = weights.Taps[x];
            int t = 0;
            for (; t + 1 < taps; t += 2)
            {
                Vector128<byte> bytes = Vector128.CreateScalarUnsafe(Unsafe.ReadUnaligned<ulong>(ref pixel)).AsByte();
                pair += Avx2.PermuteVar8x32(Avx2.ConvertToVector256Int32(bytes), arrangement) * Vector256.LoadUnsafe(ref weight, (nuint)(4 * t));
                pixel = ref Unsafe.Add(ref pixel, 2 * channels);
            }

            Vector128<int> sum = pair.GetLower() + pair.GetUpper() + Vector128.Create(Half);
            if (t < taps)
            {
                sum += Load(ref pixel) * Vector128.LoadUnsafe(ref weight, (nuint)(4 * t));
            }

            sum = Vector128.Clamp(sum >> ResampleWeights.PrecisionBits, Vector128<int>.Zero, Vector128.Create(255));
            for (int c = 0; c < channels; c++)
            {
                into[o + c] = (byte)sum.GetElement(c);
            }
        }
    }

    private static int[] Repeat(int[] weights)
    {
        int[] repeated = new int[checked(4 * weights.Length)];
        for (int i = 0; i < weights.Length; i++)
        {
            repeated.AsSpan(4 * i, 4).Fill(weights[i]);
        }

        return repeated;
    }

    private static int VerticalVector(ReadOnlySpan<byte> from, int rowBytes, Span<byte> into, ReadOnlySpan<int> taps)
    {
        int x = 0;
        for (; Vector256.IsHardwareAccelerated && x + 32 <= rowBytes; x += 32)
        {
            Vector256<int> a = Vector256.Create(Half);
            (Vector256<int> b, Vector256<int> c, Vector256<int> d) = (a, a, a);
            ref byte pixel = ref MemoryMarshal.GetReference(from[x..]);
            for (int t = 0; t < taps.Length; t++)
            {
                Vector256<int> weight = Vector256.Create(taps[t]);
                (Vector256<ushort> low, Vector256<ushort> high) = Vector256.Widen(Vector256.LoadUnsafe(ref pixel, (nuint)(t * rowBytes)));
                (Vector256<uint> a4, Vector256<uint> b4) = Vector256.Widen(low);
                (Vector256<uint> c4, Vector256<uint> d4) = Vector256.Widen(high);
                a += a4.AsInt32() * weight;
                b += b4.AsInt32() * weight;
                c += c4.AsInt32() * weight;
                d += d4.AsInt32() * weight;
            }

            Vector256<ushort> words = Vector256.Narrow(Shift(a), Shift(b)).AsUInt16();
            Vector256<ushort> more = Vector256.Narrow(Shift(c), Shift(d)).AsUInt16();
            Vector256.Narrow(words, more).CopyTo(into[x..]);
        }

        return x;
    }

    private static Vector256<int> Shift(Vector256<int> sum)
        => Vector256.Clamp(sum >> ResampleWeights.PrecisionBits, Vector256<int>.Zero, Vector256.Create(255));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> Load(ref byte pixel)
    {
        Vector128<byte> bytes = Vector128.CreateScalarUnsafe(Unsafe.ReadUnaligned<uint>(ref pixel)).AsByte();
        return Vector128.WidenLower(Vector128.WidenLower(bytes)).AsInt32();
    }

    private static byte Clip(int sum) => (byte)Math.Clamp(sum >> ResampleWeights.PrecisionBits, 0, 255);
}
