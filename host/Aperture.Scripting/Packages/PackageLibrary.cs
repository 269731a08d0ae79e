namespace Aperture.Scripting;

/// <summary>A package as it was restored.</summary>
/// <param name="Id">The package.</param>
/// <param name="Version">Its version.</param>
/// <param name="Assemblies">Full paths of what code refers to.</param>
/// <param name="Natives">Full paths of its native libraries for this machine.</param>
internal sealed record PackageLibrary(string Id, string Version, IReadOnlyList<string> Assemblies, IReadOnlyList<string> Natives)
{
    /// <summary>The package and its version in words.</summary>
    public override string ToString() => $"{Id} {Version}";
}
