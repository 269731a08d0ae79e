using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Aperture.Kernels;

/// <summary>
/// A matrix of four-bit codes. A prepared row has the codes of even inputs apart from those of odd ones, two groups at a time and zeros behind the last input,
/// then the sum of each group in 16 bits. So a byte of weights meets its two inputs without being taken apart.
/// </summary>
/// <param name="weights">The matrix.</param>
/// <param name="vectors">Whether to compute with AVX2, else one by one.</param>
internal readonly unsafe struct Int4Kernel(Int4Weights weights, bool vectors) : ICodeKernel
{
    private const int Half = Int4Weights.Group / 2;
    private const int PrefetchBytes = 1024;
    private readonly Int4Weights _weights = weights;
    private readonly int _groups = weights.Groups;

    public int PreparedBytes => _groups * (Int4Weights.Group + sizeof(short));

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Prepare(sbyte* codes, byte* target)
    {
        sbyte* values = (sbyte*)target;
        short* sums = (short*)(target + (_groups * Int4Weights.Group));
        for (int group = 0; group < _groups; group++)
        {
            int sum = 0;
            for (int i = 0; i < Int4Weights.Group; i++)
            {
                int column = (group * Int4Weights.Group) + i;
                sbyte code = column < _weights.Inputs ? codes[column] : (sbyte)0;
                values[Place(group, i % 2 == 1) + (i / 2)] = code;
                sum += code;
            }

            sums[group] = (short)sum;
        }
    }

    public int Code(int output, int column)
    {
        long group = ((long)output * _groups) + (column / Int4Weights.Group);
        byte pair = _weights.Codes[(group * Half) + (column % Int4Weights.Group / 2)];
        return (_weights.Factors[group] * (column % 2 == 0 ? pair & 15 : pair >> 4)) - _weights.Shifts[group];
    }

    public int One(int output, byte* row)
    {
        long first = (long)output * _groups;
        byte* codes = _weights.Codes + (first * Half), factors = _weights.Factors + first;
        int sum = vectors ? OneAvx2(codes, factors, row) : Plain(codes, factors, row, 0);
        return sum - Shifted(_weights.Shifts + first, row);
    }

    public void Four(int output, byte* rows, int* sums)
    {
        long first = (long)output * _groups;
        byte* codes = _weights.Codes + (first * Half), factors = _weights.Factors + first, shifts = _weights.Shifts + first;
        int stride = PreparedBytes;
        if (vectors)
        {
            FourAvx2(codes, factors, rows, stride, sums);
        }

        for (int i = 0; i < Int8Dot.Together; i++)
        {
            byte* row = rows + (i * stride);
            sums[i] = (vectors ? sums[i] : Plain(codes, factors, row, 0)) - Shifted(shifts, row);
        }
    }

    /// <summary>Writes an output's weights as whole numbers from -127 to 127.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Widen(int output, sbyte* target)
    {
        long first = (long)output * _groups;
        int group = 0;
        if (vectors)
        {
            Vector128<byte> mask = Vector128.Create((byte)15);
            Vector128<short> ramp = Vector128.Create(0, 1, 2, 3, 4, 5, 6, 7);
            Vector128<short> rest = ramp + Vector128.Create((short)8);
            for (; (group + 1) * Int4Weights.Group <= _weights.Inputs; group++)
            {
                // What each of the sixteen codes stands for, looked up by code.
                Vector128<short> factor = Vector128.Create((short)_weights.Factors[first + group]);
                Vector128<short> shift = Vector128.Create((short)_weights.Shifts[first + group]);
                Vector128<byte> table = Vector128.Narrow((ramp * factor) - shift, (rest * factor) - shift).AsByte();
                Vector128<byte> packed = Vector128.Load(_weights.Codes + ((first + group) * Half));
                Vector128<byte> even = Ssse3.Shuffle(table, packed & mask), odd = Ssse3.Shuffle(table, (packed.AsUInt16() >> 4).AsByte() & mask);
                Sse2.UnpackLow(even, odd).Store((byte*)target + (group * Int4Weights.Group));
                Sse2.UnpackHigh(even, odd).Store((byte*)target + (group * Int4Weights.Group) + Half);
            }
        }

        for (int column = group * Int4Weights.Group; column < _weights.Inputs; column++)
        {
            target[column] = (sbyte)Code(output, column);
        }
    }

    // What the zeros take off: the sum over groups of factor times zero times the group's sum.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private int Shifted(byte* shifts, byte* row)
    {
        short* sums = (short*)(row + (_groups * Int4Weights.Group));
        Vector256<int> all = default;
        int group = 0;
        if (vectors)
        {
            for (; group + 16 <= _groups; group += 16)
            {
                Vector256<short> wide = Avx2.ConvertToVector256Int16(Vector128.Load(shifts + group));
                all += Avx2.MultiplyAddAdjacent(wide, Vector256.Load(sums + group));
            }
        }

        int total = Vector256.Sum(all);
        for (; group < _groups; group++)
        {
            total += shifts[group] * sums[group];
        }

        return total;
    }

    private int Plain(byte* codes, byte* factors, byte* row, int group)
    {
        int total = 0;
        for (; group < _groups; group++)
        {
            byte* pairs = codes + (group * Half);
            sbyte* even = (sbyte*)row + Place(group, odd: false), odd = (sbyte*)row + Place(group, odd: true);
            int sum = 0;
            for (int i = 0; i < Half; i++)
            {
                sum += ((pairs[i] & 15) * even[i]) + ((pairs[i] >> 4) * odd[i]);
            }

            total += factors[group] * sum;
        }

        return total;
    }

    // Where a prepared row has the even or odd inputs of a group. Two groups lie together, even ones before odd ones; a last one without another by itself.
    private int Place(int group, bool odd)
        => group % 2 == 0 && group == _groups - 1
            ? (group * Int4Weights.Group) + (odd ? Half : 0)
            : (group / 2 * 2 * Int4Weights.Group) + (group % 2 * Half) + (odd ? Int4Weights.Group : 0);

    // Two groups at a time: pairs of products in 16 bits (at most 4 * 15 * 127), then factors and sums in one instruction.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private int OneAvx2(byte* codes, byte* factors, byte* row)
    {
        Vector256<byte> mask = Vector256.Create((byte)15);
        Vector256<int> a = default, b = default;
        int group = 0;
        for (; group + 4 <= _groups; group += 4)
        {
            Sse.Prefetch0(codes + (group * Half) + PrefetchBytes);
            a += Pair(codes, factors, row, group, mask);
            b += Pair(codes, factors, row, group + 2, mask);
        }

        for (; group + 2 <= _groups; group += 2)
        {
            a += Pair(codes, factors, row, group, mask);
        }

        return Vector256.Sum(a + b) + Plain(codes, factors, row, group);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void FourAvx2(byte* codes, byte* factors, byte* rows, int stride, int* sums)
    {
        Vector256<byte> mask = Vector256.Create((byte)15);
        Vector256<int> a = default, b = default, c = default, d = default;
        int group = 0;
        byte* row1 = rows + stride, row2 = row1 + stride, row3 = row2 + stride;
        for (; group + 2 <= _groups; group += 2)
        {
            Sse.Prefetch0(codes + (group * Half) + PrefetchBytes);
            Vector256<byte> packed = Vector256.Load(codes + (group * Half));
            Vector256<byte> low = packed & mask, high = (packed.AsUInt16() >> 4).AsByte() & mask;
            Vector256<short> factor = Factors(factors + group);
            a += Avx2.MultiplyAddAdjacent(Products(low, high, rows, group), factor);
            b += Avx2.MultiplyAddAdjacent(Products(low, high, row1, group), factor);
            c += Avx2.MultiplyAddAdjacent(Products(low, high, row2, group), factor);
            d += Avx2.MultiplyAddAdjacent(Products(low, high, row3, group), factor);
        }

        sums[0] = Vector256.Sum(a) + Plain(codes, factors, rows, group);
        sums[1] = Vector256.Sum(b) + Plain(codes, factors, row1, group);
        sums[2] = Vector256.Sum(c) + Plain(codes, factors, row2, group);
        sums[3] = Vector256.Sum(d) + Plain(codes, factors, row3, group);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Pair(byte* codes, byte* factors, byte* row, int group, Vector256<byte> mask)
    {
        Vector256<byte> packed = Vector256.Load(codes + (group * Half));
        Vector256<byte> low = packed & mask, high = (packed.AsUInt16() >> 4).AsByte() & mask;
        return Avx2.MultiplyAddAdjacent(Products(low, high, row, group), Factors(factors + group));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<short> Products(Vector256<byte> low, Vector256<byte> high, byte* row, int group)
    {
        sbyte* values = (sbyte*)row + (group * Int4Weights.Group);
        return Avx2.MultiplyAddAdjacent(low, Vector256.Load(values)) + Avx2.MultiplyAddAdjacent(high, Vector256.Load(values + Int4Weights.Group));
    }

    // The factors of two groups in 16 bits, eight times each.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<short> Factors(byte* factors)
    {
        Vector256<byte> both = Vector256.Create(*(ushort*)factors).AsByte();
        return Avx2.Shuffle(both, Vector256.Create(FirstOfTwo, SecondOfTwo)).AsInt16();
    }

    // Which byte a 16-bit number begins with; its upper half is zero.
    private static Vector128<byte> FirstOfTwo => Vector128.Create((ushort)0x8000).AsByte();

    private static Vector128<byte> SecondOfTwo => Vector128.Create((ushort)0x8001).AsByte();
}
