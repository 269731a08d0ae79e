using System.Text.RegularExpressions;

namespace Aperture.Scripting;

/// <summary>Turns what <c>dotnet restore</c> writes when it fails into one line.</summary>
internal static partial class PackageFailure
{
    /// <summary>The line.</summary>
    /// <param name="output">All that it wrote.</param>
    /// <param name="requests">What it was asked for.</param>
    public static PackageException Explain(string output, IReadOnlyList<PackageRequest> requests)
    {
        string asked = string.Join(", ", requests);
        if (output.Contains("No .NET SDKs were found", StringComparison.Ordinal) || output.Contains("no .NET SDK", StringComparison.OrdinalIgnoreCase))
        {
            return new PackageException(
                "NUGET", "Packages need the .NET SDK, and only the runtime is installed; without it, name a DLL: #r \"path/to/Library.dll\".");
        }

        if (Error().Match(output) is not { Success: true } error)
        {
            string last = output.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).LastOrDefault() ?? "it wrote nothing";
            return new PackageException("NUGET", $"'dotnet restore' failed for {asked}: {last}");
        }

        string code = error.Groups["code"].Value, text = error.Groups["text"].Value.Trim();
        string message = code switch
        {
            "NU1101" when Missing().Match(text) is { Success: true } m =>
                $"There is no package '{m.Groups["id"].Value}' in {m.Groups["sources"].Value.Trim()}.",
            "NU1102" or "NU1103" when Version().Match(text) is { Success: true } m =>
                $"There is no version {m.Groups["version"].Value} of package '{m.Groups["id"].Value}'{Nearest(output)}.",
            "NU1301" => $"The package source {Source(text)} cannot be reached, which {asked} needs; what was restored before works without it.",
            "NU1202" when Incompatible().Match(text) is { Success: true } m =>
                $"Package {m.Groups["package"].Value} has nothing for this runtime ({m.Groups["target"].Value}).",
            _ => text,
        };
        return new PackageException(code, message);
    }

    private static string Nearest(string output) =>
        NearestVersion().Match(output) is { Success: true } nearest ? $"; the nearest is {nearest.Groups[1].Value}" : "";

    private static string Source(string text) => SourceName().Match(text) is { Success: true } source ? source.Value.TrimEnd('.') : $"('{text}')";

    [GeneratedRegex(@"error (?<code>NU\d{4}): (?<text>[^\r\n]*?)(\s*\[[^\[\]]*\.csproj\])?[ \t]*$", RegexOptions.Multiline)]
    private static partial Regex Error();

    [GeneratedRegex(@"Unable to find package (?<id>[\w.-]+?)\. No packages exist with this id in source\(s\): (?<sources>.*)$")]
    private static partial Regex Missing();

    [GeneratedRegex(@"Unable to find a?\s?(stable )?package (?<id>[\w.-]+) with version \((>= )?(?<version>[^)]*)\)")]
    private static partial Regex Version();

    [GeneratedRegex(@"Nearest version: (\S+)")]
    private static partial Regex NearestVersion();

    [GeneratedRegex(@"Package (?<package>[\w.-]+ \S+) is not compatible with (?<target>[\w.]+)")]
    private static partial Regex Incompatible();

    [GeneratedRegex(@"https?://\S+|'[^']+'")]
    private static partial Regex SourceName();
}
