using System.Text;
using Aperture.Pipelines;

namespace Aperture.Host;

/// <summary>Writes a new plugin's project from a template that <c>dotnet new</c> uses too.</summary>
internal sealed class PluginTemplate
{
    private const string FolderInTemplate = "APERTURE-COMMAND-FOLDER";

    private readonly string _folder;
    private readonly string _nameInTemplate;

    private PluginTemplate(string kind, string folder, string nameInTemplate)
        => (Kind, _folder, _nameInTemplate) = (kind, Path.Combine(AppContext.BaseDirectory, "scripts", "templates", folder), nameInTemplate);

    /// <summary>A token reducer.</summary>
    public static PluginTemplate Method { get; } = new("method", "plugin", "MyMethod");

    /// <summary>A model family.</summary>
    public static PluginTemplate Family { get; } = new("family", "family", "MyFamily");

    /// <summary>All templates.</summary>
    public static IReadOnlyList<PluginTemplate> All { get; } = [Method, Family];

    /// <summary>What users call it.</summary>
    public string Kind { get; }

    /// <summary>Writes a project.</summary>
    /// <param name="name">The plugin's name, as C# and its files write it; the name of its method or family is the same in lower case.</param>
    /// <param name="folder">The project's folder; must not exist, or be empty.</param>
    /// <returns>Full path of the project's folder.</returns>
    /// <exception cref="ApertureException">The name is no name of a C# namespace, the folder is taken or cannot be written.</exception>
    public string Write(string name, string folder)
    {
        if (name.Length is 0 or > 60 || !char.IsAsciiLetterUpper(name[0]) || !name.All(char.IsAsciiLetterOrDigit) || name == _nameInTemplate)
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

            foreach (string file in Directory.EnumerateFiles(_folder, "*", SearchOption.AllDirectories).Where(IsOfProject))
            {
                string path = Path.Combine(target, Path.GetRelativePath(_folder, file).Replace(_nameInTemplate, name, StringComparison.Ordinal));
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

    private string Fill(string text, string name) => text
        .Replace(_nameInTemplate, name, StringComparison.Ordinal)
        .Replace(_nameInTemplate.ToLowerInvariant(), name.ToLowerInvariant(), StringComparison.Ordinal)
        .Replace(FolderInTemplate, Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory), StringComparison.Ordinal);

    // What dotnet new reads about the template, and what a build in place would leave behind.
    private bool IsOfProject(string file)
        => !Path.GetRelativePath(_folder, file).Split(Path.DirectorySeparatorChar).Any(part => part is ".template.config" or "bin" or "obj");
}
