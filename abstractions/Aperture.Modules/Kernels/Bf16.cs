using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Aperture.Kernels;

/// <summary>Widening bf16 to float32 and rounding back (to nearest, ties to even), sixteen elements at a time.</summary>
internal static unsafe class Bf16
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Load(ushort* source, out Vector256<float> low, out Vector256<float> high)
    {
        (Vector256<uint> l, Vector256<uint> h) = Vector256.Widen(Vector256.Load(source));
        low = (l << 16).AsSingle();
        high = (h << 16).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(ushort* target, Vector256<float> low, Vector256<float> high)
        => Vector256.Narrow(Round(low), Round(high)).Store(target);

    /// <summary>Widens a row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Widen(ushort* source, float* target, int count)
    {
        int i = 0;
        for (; i + 16 <= count; i += 16)
        {
            Load(source + i, out Vector256<float> low, out Vector256<float> high);
            low.Store(target + i);
            high.Store(target + i + 8);
        }

        for (; i < count; i++)
        {
            target[i] = Widen(source[i]);
        }
    }

    /// <summary>A row as float32: itself, or widened into a buffer.</summary>
    /// <param name="row">The row.</param>
    /// <param name="buffer">Room for it.</param>
    /// <param name="count">Elements.</param>
    /// <param name="halves">Whether the row is bf16, else float32.</param>
    public static float* AsSingle(void* row, float* buffer, int count, bool halves)
    {
        if (!halves)
        {
            return (float*)row;
        }

        Widen((ushort*)row, buffer, count);
        return buffer;
    }

    /// <summary>Rounds a row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Round(float* source, ushort* target, int count)
    {
        int i = 0;
        for (; i + 16 <= count; i += 16)
        {
            Store(target + i, Vector256.Load(source + i), Vector256.Load(source + i + 8));
        }

        for (; i < count; i++)
        {
            target[i] = Round(source[i]);
        }
    }

    /// <summary>Splits a row into its even and odd elements, widened: the order in which a 32-bit lane holds a pair of bf16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Split(ushort* source, float* even, float* odd, int count)
    {
        Vector512<uint> mask = Vector512.Create(0xffff0000u);
        int i = 0;
        for (; i + 32 <= count; i += 32)
        {
            Vector512<uint> pairs = Vector512.Load((uint*)(source + i));
            (pairs << 16).AsSingle().Store(even + (i / 2));
            (pairs & mask).AsSingle().Store(odd + (i / 2));
        }

        for (; i + 1 < count; i += 2)
        {
            even[i / 2] = Widen(source[i]);
            odd[i / 2] = Widen(source[i + 1]);
        }
    }

    /// <summary>Rounds to what a bf16 can hold, still as float32.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> RoundTrip(Vector256<float> value) => (Round(value) << 16).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Widen(ushort value) => BitConverter.UInt32BitsToSingle((uint)value << 16);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort Round(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return float.IsNaN(value) ? (ushort)0x7fc0 : (ushort)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> Round(Vector256<float> value)
    {
        Vector256<uint> bits = value.AsUInt32();
        Vector256<uint> rounded = (bits + Vector256.Create(0x7fffu) + ((bits >> 16) & Vector256<uint>.One)) >> 16;
        return Vector256.ConditionalSelect(Vector256.IsNaN(value).AsUInt32(), Vector256.Create(0x7fc0u), rounded);
    }
}
