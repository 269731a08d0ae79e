using System.CommandLine;
using Aperture.Plugins;

namespace Aperture.Host;

/// <summary>The option <c>--plugin</c>, which every verb takes: plugins of the user's own beside those of <c>plugins.json</c>.</summary>
internal sealed class PluginSources
{
    /// <summary>Folders of plugins, separated by colons: for notebooks and scripts that others start.</summary>
    public const string Variable = "APERTURE_PLUGINS";

    private readonly Option<string[]> _folders = new("--plugin")
    {
        Description = $"Folder of a plugin of your own; may be repeated. The environment variable {Variable} names more, separated by colons.",
        HelpName = "folder",
        Recursive = true,
    };

    /// <summary>Adds the option to the root command.</summary>
    public void AddTo(RootCommand root) => root.Options.Add(_folders);

    /// <summary>The folders that the option names.</summary>
    public IReadOnlyList<string> Folders(ParseResult parsed) => parsed.GetValue(_folders) ?? [];

    /// <summary>The plugins of <c>plugins.json</c> and the user's own; a folder's name is its plugin's id.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="file">Another <c>plugins.json</c>; null for the one beside the command.</param>
    /// <exception cref="ApertureException">A folder is missing, or two plugins have the same id.</exception>
    public PluginCatalog Read(ParseResult parsed, string? file = null)
    {
        PluginCatalog catalog = PluginCatalog.Read(file);
        string[] listed = (Environment.GetEnvironmentVariable(Variable) ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries);
        string[] own = [.. listed.Concat(Folders(parsed)).Select(Path.GetFullPath).Distinct()];
        if (own.FirstOrDefault(folder => !Directory.Exists(folder)) is { } missing)
        {
            throw new ApertureException($"There is no plugin folder '{missing}'; build the plugin, or correct --plugin or {Variable}.");
        }

        PluginEntry[] entries = [.. own.Select(folder => new PluginEntry(Path.GetFileName(folder).ToLowerInvariant(), folder))];
        IEnumerable<IGrouping<string, PluginEntry>> byId = catalog.Entries.Concat(entries).GroupBy(entry => entry.Id, StringComparer.OrdinalIgnoreCase);
        if (byId.FirstOrDefault(group => group.Count() > 1) is { } twice)
        {
            throw new ApertureException(
                $"Two plugins have the id '{twice.Key}': {string.Join(" and ", twice.Select(entry => entry.Folder))}; rename a folder and its DLL.");
        }

        return new PluginCatalog([.. catalog.Entries, .. entries], catalog.Source);
    }
}
