using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Aperture.Benchmarks;

/// <summary>How fast some threads read a large buffer: the roof over a decode step, which reads every weight once.</summary>
internal static unsafe class MemoryBandwidth
{
    private const long Bytes = 1L << 30;

    /// <summary>Bytes a second, the best of some passes over a 1 GB buffer.</summary>
    /// <param name="threads">Threads that read.</param>
    /// <param name="passes">Passes.</param>
    public static double Read(int threads, int passes)
    {
        byte* buffer = (byte*)NativeMemory.AlignedAlloc((nuint)Bytes, 64);
        try
        {
            NativeMemory.Fill(buffer, (nuint)Bytes, 1);
            double best = 0;
            nint address = (nint)buffer;
            for (int pass = 0; pass < passes; pass++)
            {
                long started = System.Diagnostics.Stopwatch.GetTimestamp();
                long share = Bytes / threads / 256 * 256;
                Thread[] readers = [.. Enumerable.Range(0, threads - 1).Select(i => new Thread(() => Sum((byte*)address + ((i + 1) * share), share)))];
                Array.ForEach(readers, reader => reader.Start());
                Sum(buffer, share);
                Array.ForEach(readers, reader => reader.Join());
                best = Math.Max(best, share * threads / System.Diagnostics.Stopwatch.GetElapsedTime(started).TotalSeconds);
            }

            return best;
        }
        finally
        {
            NativeMemory.AlignedFree(buffer);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static int Sum(byte* from, long bytes)
    {
        Vector512<int> a = default, b = default, c = default, d = default;
        for (long i = 0; i < bytes; i += 256)
        {
            a += Vector512.Load((int*)(from + i));
            b += Vector512.Load((int*)(from + i + 64));
            c += Vector512.Load((int*)(from + i + 128));
            d += Vector512.Load((int*)(from + i + 192));
        }

        return Vector512.Sum((a + b) + (c + d));
    }
}
