using System.Runtime.InteropServices;

namespace Aperture.Host;

/// <summary>Ends the process while something may still compute.</summary>
internal static partial class ProcessEnd
{
    /// <summary>
    /// Leaves at once. An orderly exit runs the destructors of native libraries under the threads that use them, which ends in a segmentation fault; this one
    /// does not.
    /// </summary>
    /// <param name="code">The exit code.</param>
    public static void Now(int code)
    {
        Console.Out.Flush();
        Console.Error.Flush();
        _exit(code);
    }

    [LibraryImport("libc")]
    private static partial void _exit(int code);
}
