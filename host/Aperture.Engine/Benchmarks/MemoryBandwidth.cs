using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Aperture.Kernels;

namespace Aperture.Benchmarks;

/// <summary>How fast some threads read a 1 GB buffer: the roof over a decode step, which reads every weight once.</summary>
internal sealed unsafe class MemoryBandwidth : IDisposable
{
    private const long Bytes = 1L << 30;
    private const int ChunksPerThread = 8;
    private readonly WorkerTeam _team;
    private readonly byte* _buffer;

    /// <param name="threads">Threads that read.</param>
    public MemoryBandwidth(int threads)
    {
        _team = new WorkerTeam(threads);
        _buffer = (byte*)NativeMemory.AlignedAlloc((nuint)Bytes, 4096);
        NativeMemory.Fill(_buffer, (nuint)Bytes, 1);
    }

    /// <summary>Reads the buffer once.</summary>
    /// <returns>Bytes a second.</returns>
    public double Pass()
    {
        int chunks = _team.Threads * ChunksPerThread;
        long share = Bytes / chunks / 256 * 256;
        nint address = (nint)_buffer;
        long started = Stopwatch.GetTimestamp();
        _team.Run(chunks, chunk => Sum((byte*)address + (chunk * share), share));
        return share * chunks / Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    public void Dispose()
    {
        _team.Dispose();
        NativeMemory.AlignedFree(_buffer);
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
