using Aperture.Measuring;

namespace Aperture.Host.Tests.Cli;

/// <summary>Counts the lines of a project's C# sources, blank ones and comments included.</summary>
internal static class SourceLines
{
    /// <summary>The lines of the .cs files in a folder itself; what a build leaves lies in folders below it.</summary>
    public static int Of(string folder) => Directory.GetFiles(folder, "*.cs").Sum(file => File.ReadAllLines(file).Length);
}
