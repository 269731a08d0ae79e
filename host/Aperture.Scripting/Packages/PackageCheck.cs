using System.Diagnostics;
using System.Reflection;

namespace Aperture.Scripting;

/// <summary>Finds out whether packages can live in this process.</summary>
/// <param name="libraries">Knows the assemblies that scripts share with the program.</param>
internal sealed class PackageCheck(ScriptLibraries libraries)
{
    /// <summary>Refuses before anything is downloaded what is known by its name: libtorch is some gigabytes.</summary>
    /// <exception cref="PackageException">The package is TorchSharp's.</exception>
    public static void Refuse(PackageRequest request)
    {
        if (IsTorch(request.Id))
        {
            throw new PackageException("NUGET", $"{request.Id} is part of the program, and a second libtorch ends the process: use TorchSharp without #r.");
        }
    }

    /// <summary>
    /// Refuses packages that bring a second libtorch, that are not the version asked for, or that need newer assemblies than the program has.
    /// </summary>
    /// <param name="found">The packages with all they depend on.</param>
    /// <param name="requests">What was asked for.</param>
    /// <exception cref="PackageException">A package is refused.</exception>
    public void Refuse(IReadOnlyList<PackageLibrary> found, IReadOnlyList<PackageRequest> requests)
    {
        if (found.FirstOrDefault(library => IsTorch(library.Id) || library.Natives.Concat(library.Assemblies).Any(IsTorchFile)) is { } torch)
        {
            throw new PackageException(
                "NUGET",
                $"{string.Join(", ", requests)}: {torch} brings a libtorch or TorchSharp of its own, and a second one ends the process; leave it out.");
        }

        foreach (PackageRequest request in requests.Where(r => r.IsExact))
        {
            PackageLibrary? library = found.FirstOrDefault(l => string.Equals(l.Id, request.Id, StringComparison.OrdinalIgnoreCase));
            if (library is not null && Normal(library.Version) != Normal(request.Version))
            {
                throw new PackageException("NU1603", $"There is no version {request.Version} of package '{library.Id}'; the nearest is {library.Version}.");
            }
        }

        foreach (PackageLibrary library in found)
        {
            foreach (string path in library.Assemblies)
            {
                RefuseNewer(library, path);
            }
        }
    }

    private void RefuseNewer(PackageLibrary library, string path)
    {
        if (NameOf(path) is not { } wanted || libraries.FindShared(wanted) is not { Location: { Length: > 0 } location } shared)
        {
            return;
        }

        // Many assemblies keep their own version for years; that of their file grows.
        int older = Comparer<Version>.Default.Compare(shared.GetName().Version, wanted.Version);
        (Version theirs, Version ours) = (FileVersion(path), FileVersion(location));
        if (older < 0 || (older == 0 && ours < theirs))
        {
            throw new PackageException(
                "NUGET",
                $"{library} needs a newer {wanted.Name} ({theirs}) than the program has and shares with scripts ({ours}); ask for an older version.");
        }
    }

    private static AssemblyName? NameOf(string path)
    {
        try
        {
            return AssemblyName.GetAssemblyName(path);
        }
        catch (BadImageFormatException)
        {
            return null; // The compiler reports it where it is used.
        }
    }

    private static Version FileVersion(string path)
    {
        FileVersionInfo info = FileVersionInfo.GetVersionInfo(path);
        return new Version(info.FileMajorPart, info.FileMinorPart, info.FileBuildPart, info.FilePrivatePart);
    }

    private static bool IsTorch(string package) =>
        package.StartsWith("TorchSharp", StringComparison.OrdinalIgnoreCase) || package.StartsWith("libtorch-", StringComparison.OrdinalIgnoreCase);

    private static bool IsTorchFile(string path)
    {
        string name = Path.GetFileName(path);
        return name.StartsWith("libtorch", StringComparison.OrdinalIgnoreCase)
            || name.StartsWith("libLibTorchSharp", StringComparison.OrdinalIgnoreCase)
            || name.Equals("TorchSharp.dll", StringComparison.OrdinalIgnoreCase);
    }

    // 1.0 and 1.0.0.0 are one version, and so are 1.0.0 and 1.0.0+build.
    private static string Normal(string version)
    {
        string[] parts = version.ToLowerInvariant().Split('+')[0].Split('-', 2);
        int[] numbers = [.. parts[0].Split('.').Select(part => int.TryParse(part, out int number) ? number : -1)];
        Array.Resize(ref numbers, 4);
        return string.Join('.', numbers) + (parts.Length > 1 ? "-" + parts[1] : "");
    }
}
