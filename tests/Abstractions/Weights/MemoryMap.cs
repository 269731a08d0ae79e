using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace Aperture.Abstractions.Tests.Weights;

/// <summary>What Linux says about this process's mappings of a file.</summary>
internal static class MemoryMap
{
    /// <summary>The address of a contiguous tensor's first element.</summary>
    public static unsafe nint Address(Tensor tensor)
    {
        using Tensor flat = tensor.view(-1);
        using Tensor first = flat.narrow(0, 0, 1);
        return (nint)Unsafe.AsPointer(ref MemoryMarshal.GetReference(first.bytes));
    }

    /// <summary>Whether an address lies in a mapping of the file.</summary>
    public static bool Contains(string path, nint address) =>
        File.ReadLines("/proc/self/maps").Where(line => line.EndsWith(path, StringComparison.Ordinal)).Any(line =>
        {
            nint[] range = line.Split(' ')[0].Split('-').Select(text => nint.Parse(text, NumberStyles.HexNumber)).ToArray();
            return range[0] <= address && address < range[1];
        });

    /// <summary>The kilobytes of the file's mappings that are in memory.</summary>
    public static long ResidentKilobytes(string path)
    {
        long total = 0;
        bool inFile = false;
        foreach (string line in File.ReadLines("/proc/self/smaps"))
        {
            if (line.Contains('-', StringComparison.Ordinal)
                && line.Contains(' ', StringComparison.Ordinal)
                && char.IsAsciiHexDigitLower(line[0])
                && !line.Contains("kB", StringComparison.Ordinal))
            {
                inFile = line.EndsWith(path, StringComparison.Ordinal);
            }
            else if (inFile && line.StartsWith("Rss:", StringComparison.Ordinal))
            {
                total += long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]);
            }
        }

        return total;
    }
}
