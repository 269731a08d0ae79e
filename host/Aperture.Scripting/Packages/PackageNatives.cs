namespace Aperture.Scripting;

/// <summary>Native libraries that a package of the registry holds, for a program that is shipped without them.</summary>
public static class PackageNatives
{
    /// <summary>
    /// Full paths of a package's native libraries for this machine, in NuGet's own folder of packages. The first call fetches the package from the sources that
    /// NuGet's configuration names; later ones ask nobody.
    /// </summary>
    /// <param name="id">The package.</param>
    /// <param name="version">Its version.</param>
    /// <param name="cancellationToken">Stops the fetching.</param>
    /// <exception cref="ApertureException">It cannot be had; the message says why.</exception>
    public static IReadOnlyList<string> Find(string id, string version, CancellationToken cancellationToken = default)
    {
        PackageRequest[] wanted = [new PackageRequest(id, version)];
        PackageRestore restore = new(UserCache.Folder("packages"), Environment.CurrentDirectory);
        return [.. (restore.TryRead(wanted) ?? restore.Run(wanted, cancellationToken)).SelectMany(package => package.Natives)];
    }
}
