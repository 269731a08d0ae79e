using System.Runtime.InteropServices;
using Aperture.Pipelines;

namespace Aperture.Natives;

/// <summary>
/// The process's environment as libraries written in C read it on Linux; .NET's own is a copy that does not reach them. What the user set stays.
/// </summary>
internal static partial class NativeEnvironment
{
    /// <summary>Gives a variable a value unless it has one.</summary>
    /// <exception cref="ApertureException">The system refuses.</exception>
    public static void Default(string name, string value)
    {
        if (Environment.GetEnvironmentVariable(name) is null && setenv(name, value, 0) != 0)
        {
            throw new ApertureException($"The environment variable {name} cannot be set; set it to {value} before starting.");
        }
    }

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int setenv(string name, string value, int overwrite);
}
