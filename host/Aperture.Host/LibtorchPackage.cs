using Aperture.Files;
using Aperture.Natives;
using Aperture.Scripting;

namespace Aperture.Host;

/// <summary>
/// libtorch for the command as a .NET tool, whose package leaves it out because the registry has it: linked beside the command before its first tensor.
/// </summary>
internal static class LibtorchPackage
{
    /// <summary>The file that names package and version, as <c>ID/VERSION</c>; commands that carry libtorch have none.</summary>
    public const string FileName = "libtorch.package";

    private const string Largest = "libtorch_cpu.so";

    /// <summary>Links libtorch into the command's folder where it is wanted and not there.</summary>
    /// <param name="folder">The command's folder.</param>
    /// <param name="tell">Gets the line that says what is fetched; null for nobody.</param>
    /// <exception cref="ApertureException">The package cannot be had, or the folder not be written to.</exception>
    public static void Provide(string folder, Action<string>? tell)
    {
        string named = Path.Combine(folder, FileName);
        if (!File.Exists(named) || IsThere(Path.Combine(folder, Largest)) || Environment.GetEnvironmentVariable(TorchNatives.Variable) is { Length: > 0 })
        {
            return;
        }

        string[] package = File.ReadAllText(named).Trim().Split('/');
        tell?.Invoke($"libtorch is taken from the package {package[0]} {package[1]}, which is fetched unless NuGet has it; later calls start at once.");
        IReadOnlyList<string> files = PackageNatives.Find(package[0], package[1]);
        try
        {
            foreach (string file in files.OrderBy(file => Path.GetFileName(file) == Largest)) // what is looked for comes last
            {
                Link(file, Path.Combine(folder, Path.GetFileName(file)));
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            string source = Path.GetDirectoryName(files[0])!;
            throw new ApertureException($"libtorch cannot be linked into '{folder}' ({e.Message.TrimEnd('.')}); set {TorchNatives.Variable} to '{source}'.", e);
        }
    }

    // A link whose package was cleared away is none.
    private static bool IsThere(string path)
        => new FileInfo(path) is { Exists: true } file && (file.LinkTarget is null || file.ResolveLinkTarget(returnFinalTarget: true) is { Exists: true });

    private static void Link(string file, string path)
    {
        string temporary = AtomicFile.Temporary(path);
        File.CreateSymbolicLink(temporary, file);
        File.Move(temporary, path, overwrite: true);
    }
}
