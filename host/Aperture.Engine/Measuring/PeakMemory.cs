using System.Globalization;
using Aperture.Natives;

namespace Aperture.Measuring;

/// <summary>The process's largest resident memory since a reset, as Linux counts it; on other systems the present size stands for it.</summary>
public static class PeakMemory
{
    private const string ResetPeak = "5";

    /// <summary>Starts counting from the present size.</summary>
    public static void Reset()
    {
        if (OperatingSystem.IsLinux())
        {
            File.WriteAllText("/proc/self/clear_refs", ResetPeak);
        }
    }

    /// <summary>The largest size since then, in bytes.</summary>
    public static long Read() => !OperatingSystem.IsLinux()
        ? Environment.WorkingSet
        : Parse(File.ReadLines("/proc/self/status").First(l => l.StartsWith("VmHWM:", StringComparison.Ordinal)));

    /// <summary>
    /// What a piece of work adds to resident memory at its peak, in bytes. What earlier work has left (managed garbage, freed native blocks) is given back
    /// before, because the work would otherwise use that again and seem to need nothing.
    /// </summary>
    /// <param name="work">The work.</param>
    public static long Added(Action work)
    {
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        GC.WaitForPendingFinalizers();
        TensorPages.GiveBack();
        Reset();
        long before = Read();
        work();
        return Math.Max(0, Read() - before);
    }

    // The line is a name, a tab, a number padded to eight places, and kB.
    internal static long Parse(string line)
        => long.Parse(line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * 1024;
}
