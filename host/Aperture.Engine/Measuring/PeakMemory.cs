using System.Globalization;

namespace Aperture.Measuring;

/// <summary>The process's largest resident memory since a reset, as Linux counts it.</summary>
public static class PeakMemory
{
    private const string ResetPeak = "5";

    /// <summary>Starts counting from the present size.</summary>
    public static void Reset() => File.WriteAllText("/proc/self/clear_refs", ResetPeak);

    /// <summary>The largest size since then, in bytes.</summary>
    public static long Read() => Parse(File.ReadLines("/proc/self/status").First(l => l.StartsWith("VmHWM:", StringComparison.Ordinal)));

    // The line is a name, a tab, a number padded to eight places, and kB.
    internal static long Parse(string line)
        => long.Parse(line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * 1024;
}
