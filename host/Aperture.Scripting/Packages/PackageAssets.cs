using System.Text.Json;

namespace Aperture.Scripting;

/// <summary>Reads what a restore found: the packages with all they depend on, from <c>project.assets.json</c>.</summary>
internal static class PackageAssets
{
    /// <summary>The packages; null if the file is not there, is not whole, or names files that are gone.</summary>
    /// <param name="file">The file.</param>
    /// <param name="runtime">The runtime identifier whose assets count.</param>
    public static IReadOnlyList<PackageLibrary>? TryRead(string file, string runtime)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(file));
            JsonElement root = document.RootElement;
            string[] folders = [.. root.GetProperty("packageFolders").EnumerateObject().Select(folder => folder.Name)];
            JsonElement paths = root.GetProperty("libraries");
            JsonElement target = root.GetProperty("targets").EnumerateObject()
                .Single(candidate => candidate.Name.EndsWith("/" + runtime, StringComparison.Ordinal)).Value;
            return [.. target.EnumerateObject()
                .Where(library => library.Value.GetProperty("type").ValueEquals("package"))
                .Select(library => Library(library, paths.GetProperty(library.Name).GetProperty("path").GetString()!, folders))];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException or InvalidOperationException or KeyNotFoundException)
        {
            return null; // It is restored anew.
        }
    }

    private static PackageLibrary Library(JsonProperty library, string path, IReadOnlyList<string> folders)
    {
        string[] name = library.Name.Split('/');
        return new PackageLibrary(name[0], name[1], Files("runtime"), Files("native"));

        IReadOnlyList<string> Files(string kind) => !library.Value.TryGetProperty(kind, out JsonElement files)
            ? []
            : [.. files.EnumerateObject()
                .Select(file => file.Name)
                .Where(file => Path.GetFileName(file) != "_._") // What says that a package needs nothing here.
                .Select(file => folders.Select(folder => Path.Combine(folder, path, file)).FirstOrDefault(File.Exists)
                    ?? throw new FileNotFoundException(file))];
    }
}
