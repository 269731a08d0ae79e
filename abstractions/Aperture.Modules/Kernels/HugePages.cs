using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace Aperture.Kernels;

/// <summary>
/// Asks Linux to keep a tensor's memory in huge pages. A decode step reads every weight once, in order, and with small pages it waits for address translation
/// as much as for memory. A wish, not a need: where the system cannot, nothing changes.
/// </summary>
internal static partial class HugePages
{
    private const long PageBytes = 2L << 20;
    private const int Collapse = 25; // MADV_COLLAPSE, Linux 6.1
    private const int Huge = 14; // MADV_HUGEPAGE

    /// <summary>Moves the memory of a contiguous CPU tensor that is not a mapped file into huge pages, as far as whole ones fit.</summary>
    public static unsafe void Ask(Tensor tensor)
    {
        long bytes = tensor.numel() * tensor.element_size();
        long from = ((long)TensorMemory.Pointer(tensor) + PageBytes - 1) / PageBytes * PageBytes;
        long to = ((long)TensorMemory.Pointer(tensor) + bytes) / PageBytes * PageBytes;
        if (OperatingSystem.IsLinux() && to > from)
        {
            // The first marks the range for the system's own daemon, the second does the work at once; their results do not matter.
            _ = madvise((nint)from, (nuint)(to - from), Huge);
            _ = madvise((nint)from, (nuint)(to - from), Collapse);
        }
    }

    [LibraryImport("libc")]
    private static partial int madvise(nint address, nuint length, int advice);
}
