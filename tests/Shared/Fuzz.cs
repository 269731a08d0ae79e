using System.Diagnostics;
using Aperture.Files;

namespace Aperture.Tests;

/// <summary>Gives a reader changed files: it reads each or refuses it in one line, within bounds of time and memory.</summary>
internal static class Fuzz
{
    private const long MostBytes = 256L << 20;
    private static readonly TimeSpan _longest = TimeSpan.FromSeconds(20); // a busy machine's; a reader that hangs takes for ever

    /// <summary>Runs a reader.</summary>
    /// <param name="seeds">Good files, which it must read.</param>
    /// <param name="read">Reads a file; what it throws must be the user's error.</param>
    /// <param name="isText">Whether the files are text.</param>
    /// <param name="count">How many changed files.</param>
    /// <param name="repair">Mends what every change breaks, such as checksums, in every second file; null for nothing.</param>
    public static void Run(byte[][] seeds, Action<byte[]> read, bool isText, int count = 400, Func<byte[], byte[]>? repair = null)
    {
        Array.ForEach(seeds, read);
        ByteMutator mutator = new(20261130);
        int refused = 0;
        for (int i = 0; i < count; i++)
        {
            byte[] file = mutator.Change(seeds[i % seeds.Length], seeds[(i + 1) % seeds.Length], isText);
            file = repair is not null && i % 2 == 0 ? repair(file) : file;
            refused += Reads(file, read, i) ? 0 : 1;
        }

        Assert.InRange(refused, 1, count);
    }

    private static bool Reads(byte[] file, Action<byte[]> read, int number)
    {
        long before = GC.GetAllocatedBytesForCurrentThread(), begun = Stopwatch.GetTimestamp();
        bool reads = true;
        try
        {
            read(file);
        }
        catch (ApertureException refusal)
        {
            reads = false;
            Assert.DoesNotContain('\n', refusal.Message);
        }
        catch (Exception error)
        {
            Assert.Fail($"Changed file {number}: {error.GetType().Name}: {error.Message}\n{error.StackTrace}\n{Convert.ToBase64String(file)}");
        }

        TimeSpan time = Stopwatch.GetElapsedTime(begun);
        Assert.True(time < _longest, $"Changed file {number} took {time}: {Convert.ToBase64String(file)}");
        long taken = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.True(taken < MostBytes, $"Changed file {number} took {taken} bytes: {Convert.ToBase64String(file)}");
        return reads;
    }
}
