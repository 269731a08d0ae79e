using System.Runtime.InteropServices;

namespace Aperture.Natives;

/// <summary>
/// Why the system's loader refuses a library, in its own words: .NET's tell of every name it tried, and not of the dependency that is missing.
/// </summary>
internal static partial class LoaderReason
{
    private const int Now = 2; // RTLD_NOW

    /// <summary>The reason; null where the library loads or the loader cannot be asked.</summary>
    /// <param name="path">The library.</param>
    public static string? Of(string path)
    {
        if (!OperatingSystem.IsLinux())
        {
            return null;
        }

        try
        {
            return dlopen(path, Now) != 0 ? null : Marshal.PtrToStringUTF8(dlerror());
        }
        catch (EntryPointNotFoundException)
        {
            return null; // A C library before 2.34 has these in another file.
        }
    }

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint dlopen(string path, int flags);

    [LibraryImport("libc")]
    private static partial nint dlerror();
}
