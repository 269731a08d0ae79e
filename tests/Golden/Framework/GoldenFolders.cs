using System.Text.Json;
using Aperture.Pipelines;

namespace Aperture.Golden.Tests;

/// <summary>Finds the cases: in the repository's own data, or in the folders that the environment variable APERTURE_GOLDEN names instead.</summary>
internal static class GoldenFolders
{
    public const string Variable = "APERTURE_GOLDEN";

    /// <summary>The repository's own cases.</summary>
    public static string Own { get; } = Path.Combine(RepositoryRoot(), "tests", "Golden", "data");

    /// <summary>The folders in use: each an area or a folder of areas.</summary>
    public static IReadOnlyList<string> InUse =>
        Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } value
            ? value.Split(':', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            : [Own];

    /// <summary>
    /// The cases below some folders by name. A file that looks like a case but cannot be read is listed with its error, so that it fails as a test of its own;
    /// so is a folder that does not exist.
    /// </summary>
    public static SortedDictionary<string, GoldenListing> List(IEnumerable<string> folders)
    {
        SortedDictionary<string, GoldenListing> cases = new(StringComparer.Ordinal);
        foreach (string folder in folders)
        {
            if (!Directory.Exists(folder))
            {
                cases.TryAdd(folder, new GoldenListing(null, $"{Variable} names '{folder}', which is not a folder."));
                continue;
            }

            IEnumerable<string> candidates = Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Where(IsCandidate);
            foreach (IGrouping<string?, string> files in candidates.Order(StringComparer.Ordinal).GroupBy(Path.GetDirectoryName))
            {
                AddFolder(cases, files);
            }
        }

        return cases;
    }

    private static bool IsCandidate(string path) =>
        path.EndsWith(".safetensors", StringComparison.Ordinal) || path.EndsWith(".json", StringComparison.Ordinal);

    private static void AddFolder(SortedDictionary<string, GoldenListing> cases, IEnumerable<string> files)
    {
        bool found = false;
        List<(string Path, string Fault)> damaged = new List<(string Path, string Fault)>();
        foreach (string path in files)
        {
            try
            {
                if (GoldenFile.Read(path) is { } file)
                {
                    // Two folders may hold a case of the same name: the second is told apart by its path.
                    cases.Add(cases.ContainsKey(file.Id) ? $"{file.Id} ({path})" : file.Id, new GoldenListing(file, null));
                    found = true;
                }
            }
            catch (Exception cause) when (cause is ApertureException or JsonException)
            {
                damaged.Add((path, cause.Message));
            }
        }

        // Files damaged on purpose are inputs of a case and lie in folders of their own; one among cases is a case that broke.
        foreach ((string path, string fault) in found ? damaged : [])
        {
            cases.Add(path, new GoldenListing(null, fault));
        }
    }

    private static string RepositoryRoot()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Host.sln")))
            {
                return folder.FullName;
            }
        }

        throw new InvalidOperationException($"No folder above '{AppContext.BaseDirectory}' holds Host.sln.");
    }
}
