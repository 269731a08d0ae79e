using System.Runtime.InteropServices;

namespace Aperture.Tests;

/// <summary>Makes pipes with a name, which a reader waits at for ever.</summary>
internal static partial class NamedPipe
{
    /// <summary>Makes a pipe that only its owner may use.</summary>
    public static string Make(string path) => MakePipe(path, 0x180) == 0 ? path : throw new IOException($"{path}: no pipe could be made.");

    [LibraryImport("libc", EntryPoint = "mkfifo", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MakePipe(string path, uint mode);
}
