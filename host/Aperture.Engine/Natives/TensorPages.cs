using System.Runtime.InteropServices;

namespace Aperture.Natives;

/// <summary>
/// How large tensors get their memory on Linux. By default libtorch fetches each from the system and gives it back when it goes, and the system hands it out
/// cleared in pages of 4 KB: on a virtual machine that can take longer than what is computed in it. So libtorch asks for huge pages, and what goes is kept for
/// the next tensor up to a bound, in one heap of all threads: glibc's further ones hold no block above 64 MB. These are wishes: where the system or another C
/// library cannot, nothing changes. What the user's environment says stays.
/// </summary>
internal static class TensorPages
{
    private const string HugePages = "THP_MEM_ALLOC_ENABLE"; // libtorch's
    private const string System = "/sys/kernel/mm/transparent_hugepage/enabled"; // libtorch warns where a system knows none
    private const int TrimThreshold = -1, MapThreshold = -3, MostArenas = -8; // malloc.h
    private const int MostKept = 512 << 20, LargestKept = 256 << 20; // bytes: of all, and of one block

    private static readonly string[] _settings = ["MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_ARENA_MAX", "GLIBC_TUNABLES"]; // glibc's

    /// <summary>Must run before libtorch's first tensor.</summary>
    public static void Prepare()
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        if (File.Exists(System))
        {
            NativeEnvironment.Default(HugePages, "1");
        }

        if (!_settings.Any(name => Environment.GetEnvironmentVariable(name) is not null) && Find("mallopt") is { } mallopt)
        {
            Set(mallopt, TrimThreshold, MostKept);
            Set(mallopt, MapThreshold, LargestKept);
            Set(mallopt, MostArenas, 1);
        }
    }

    /// <summary>Gives the system back what is kept: after a model is closed, whose memory may lie anywhere in the heap.</summary>
    public static unsafe void GiveBack()
    {
        if (OperatingSystem.IsLinux() && Find("malloc_trim") is { } trim)
        {
            _ = ((delegate* unmanaged<nuint, int>)trim)(0);
        }
    }

    private static nint? Find(string function)
        => NativeLibrary.TryLoad("libc.so.6", out nint glibc) && NativeLibrary.TryGetExport(glibc, function, out nint found) ? found : null;

    private static unsafe void Set(nint mallopt, int setting, int value) => _ = ((delegate* unmanaged<int, int, int>)mallopt)(setting, value);
}
