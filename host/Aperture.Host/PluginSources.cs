using System.CommandLine;
using Aperture.Plugins;

namespace Aperture.Host;

/// <summary>
/// Where plugins come from: those that <c>plugins.json</c> lists, those that lie unlisted in <c>plugins/</c> beside it or in the user's own folder, and those
/// of the option <c>--plugin</c>, which every verb takes.
/// </summary>
/// <param name="tell">Gets each line about a folder that is left out, once; null for nobody.</param>
/// <param name="userFolder">The user's own folder of plugins; null for <see cref="PluginFolders.OfUser"/>.</param>
internal sealed class PluginSources(Action<string>? tell = null, string? userFolder = null)
{
    /// <summary>Folders of plugins, separated by colons: for notebooks and scripts that others start.</summary>
    public const string Variable = "APERTURE_PLUGINS";

    private readonly HashSet<string> _told = [];
    private readonly Option<string[]> _folders = new("--plugin")
    {
        Description = $"Folder of a plugin of your own, or of several; may be repeated. The environment variable {Variable} names more, separated by colons.",
        HelpName = "folder",
        Recursive = true,
    };

    /// <summary>Adds the option to the root command.</summary>
    public void AddTo(RootCommand root) => root.Options.Add(_folders);

    /// <summary>The folders that the option names.</summary>
    public IReadOnlyList<string> Folders(ParseResult parsed) => parsed.GetValue(_folders) ?? [];

    /// <summary>
    /// The plugins of <c>plugins.json</c>, those dropped into a folder of plugins, and those named; an unlisted folder's name is its plugin's id.
    /// </summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="file">Another <c>plugins.json</c>, which then stands without the user's own folder; null for the one beside the command.</param>
    /// <exception cref="ApertureException">A named folder is missing or holds no plugin, or a named plugin has the id of another one.</exception>
    public PluginCatalog Read(ParseResult parsed, string? file = null)
    {
        PluginCatalog catalog = PluginCatalog.Read(file);
        string beside = Path.Combine(Path.GetDirectoryName(catalog.Source)!, "plugins");
        PluginEntry[] named =
        [
            .. Named(Folders(parsed)).Where(folder => catalog.Entries.All(entry => entry.Folder != folder)).Select(PluginCatalog.Unlisted),
        ];
        List<PluginEntry> entries = [.. catalog.Entries, .. named];
        if (entries.GroupBy(entry => entry.Id, StringComparer.OrdinalIgnoreCase).FirstOrDefault(group => group.Count() > 1) is { } twice)
        {
            throw new ApertureException(
                $"Two plugins have the id '{twice.Key}': {string.Join(" and ", twice.Select(entry => entry.Folder))}; rename a folder and its DLL.");
        }

        string? own = file is null ? userFolder ?? PluginFolders.OfUser : null;
        return new PluginCatalog(entries, catalog.Source).WithUnlisted(own is null ? [beside] : [beside, own], TellOnce);
    }

    // A folder that is named is a plugin or holds plugins.
    private List<string> Named(IReadOnlyList<string> option)
    {
        string[] listed = (Environment.GetEnvironmentVariable(Variable) ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries);
        List<string> folders = [];
        foreach (string folder in listed.Concat(option).Select(path => Path.TrimEndingDirectorySeparator(Path.GetFullPath(path))).Distinct())
        {
            if (!Directory.Exists(folder))
            {
                throw new ApertureException($"There is no plugin folder '{folder}'; build the plugin, or correct --plugin or {Variable}.");
            }

            List<string> notices = [];
            IReadOnlyList<string> below = PluginFolders.IsPlugin(folder) ? [folder] : PluginFolders.Under(folder, notices);
            notices.ForEach(TellOnce);
            folders.AddRange(below.Count > 0 ? below : [folder]); // One that is no plugin is refused with its reason when it loads.
        }

        return [.. folders.Distinct()];
    }

    private void TellOnce(string line)
    {
        lock (_told)
        {
            if (!_told.Add(line))
            {
                return;
            }
        }

        tell?.Invoke(line);
    }
}
