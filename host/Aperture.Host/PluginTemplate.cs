using System.Text;

namespace Aperture.Host;

/// <summary>Writes a new plugin's project from the template that <c>dotnet new</c> uses too.</summary>
internal static class PluginTemplate
{
    private const string NameInTemplate = "MyMethod";
    private const string FolderInTemplate = "APERTURE-COMMAND-FOLDER";

    private static string Template => Path.Combine(AppContext.BaseDirectory, "scripts", "templates", "plugin");

    /// <summary>Writes a project.</summary>
    /// <param name="name">The plugin's name, as C# and its files write it; the method's name is the same in lower case.</param>
    /// <param name="folder">The project's folder; must not exist, or be empty.</param>
    /// <returns>Full path of the project's folder.</returns>
    /// <exception cref="ApertureException">The name is no name of a C# namespace, the folder is taken or cannot be written.</exception>
    public static string Write(string name, string folder)
    {
        if (name.Length is 0 or > 60 || !char.IsAsciiLetterUpper(name[0]) || !name.All(char.IsAsciiLetterOrDigit) || name == NameInTemplate)
        {
            throw new ApertureException($"'{name}' cannot be a plugin's name: begin with a capital and use letters and digits only, such as KeepStrongest.");
        }

        string target = Path.GetFullPath(folder);
        try
        {
            if (File.Exists(target) || (Directory.Exists(target) && Directory.EnumerateFileSystemEntries(target).Any()))
            {
                throw new ApertureException($"'{target}' is there already; choose another place with --output.");
            }

            foreach (string file in Directory.EnumerateFiles(Template, "*", SearchOption.AllDirectories).Where(IsOfProject))
            {
                string path = Path.Combine(target, Path.GetRelativePath(Template, file).Replace(NameInTemplate, name, StringComparison.Ordinal));
                Directory.CreateDirectory(Path.GetDirectoryName(path)!);
                File.WriteAllText(path, Fill(File.ReadAllText(file), name), new UTF8Encoding(false));
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ApertureException($"The plugin's project cannot be written to '{target}': {e.Message}", e);
        }

        return target;
    }

    private static string Fill(string text, string name) => text
        .Replace(NameInTemplate, name, StringComparison.Ordinal)
        .Replace(NameInTemplate.ToLowerInvariant(), name.ToLowerInvariant(), StringComparison.Ordinal)
        .Replace(FolderInTemplate, Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory), StringComparison.Ordinal);

    // What dotnet new reads about the template, and what a build in place would leave behind.
    private static bool IsOfProject(string file)
        => !Path.GetRelativePath(Template, file).Split(Path.DirectorySeparatorChar).Any(part => part is ".template.config" or "bin" or "obj");
}
