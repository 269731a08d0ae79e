using System.Text.RegularExpressions;

namespace Aperture.Scripting;

/// <summary>A package that a script asks for: <c>#r "nuget: Id, Version"</c>.</summary>
/// <param name="Id">The package.</param>
/// <param name="Version">The version as it was written; <c>*</c>, the newest stable one, if none was.</param>
internal sealed partial record PackageRequest(string Id, string Version)
{
    private const string Newest = "*";

    /// <summary>Whether a version was named, not a range of versions or the newest.</summary>
    public bool IsExact => Version.AsSpan().IndexOfAny("*[]()") < 0;

    /// <summary>Whether the text of a <c>#r</c> names a package.</summary>
    public static bool IsPackage(string reference) => reference.TrimStart().StartsWith("nuget:", StringComparison.OrdinalIgnoreCase);

    /// <summary>Reads the text of a <c>#r</c> that names a package.</summary>
    /// <exception cref="PackageException">It names none. What passes can stand in a project file.</exception>
    public static PackageRequest Parse(string reference)
    {
        Match match = Shape().Match(reference);
        return !match.Success
            ? throw new PackageException(
                "NUGET", $"'{reference}' names no package: write #r \"nuget: Package, 1.2.3\", or #r \"nuget: Package\" for the newest.")
            : new PackageRequest(match.Groups["id"].Value, match.Groups["version"] is { Success: true, Value: var version } ? version : Newest);
    }

    /// <summary>Whether the text of a <c>#r</c> asks for this.</summary>
    public bool IsNamedBy(string reference) =>
        Shape().Match(reference) is { Success: true } match && match.Groups["id"].Value == Id
        && (match.Groups["version"] is { Success: true, Value: var version } ? version : Newest) == Version;

    /// <summary>What is read as this.</summary>
    public string ToDirective() => $"nuget: {Id}, {Version}";

    /// <summary>The package and its version in words.</summary>
    public override string ToString() => Version == Newest ? Id : $"{Id} {Version}";

    [GeneratedRegex(
        """^\s*nuget:\s*(?<id>[0-9a-z_][0-9a-z_.-]{0,99})\s*(,\s*(?<version>[0-9a-z.+*\[\](), -]{1,64}?)\s*)?\z""",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Shape();
}
