using Aperture.Files;
using Aperture.Pipelines;

namespace Aperture.Plugins;

/// <summary>The plugins that <c>plugins.json</c> names, in its order.</summary>
public sealed class PluginCatalog
{
    /// <summary>The file's usual name; it lies beside the executable.</summary>
    public const string FileName = "plugins.json";

    /// <summary>Makes a catalog from entries.</summary>
    /// <param name="entries">The plugins.</param>
    /// <param name="source">Where they come from, for messages.</param>
    /// <exception cref="ArgumentException">Two entries have the same id.</exception>
    public PluginCatalog(IEnumerable<PluginEntry> entries, string source = FileName)
    {
        Entries = [.. entries];
        Source = source;
        if (Entries.GroupBy(entry => entry.Id, StringComparer.OrdinalIgnoreCase).FirstOrDefault(group => group.Count() > 1) is { } twice)
        {
            throw new ArgumentException($"Two entries have the id '{twice.Key}'.", nameof(entries));
        }
    }

    /// <summary>The plugins, enabled or not.</summary>
    public IReadOnlyList<PluginEntry> Entries { get; }

    /// <summary>The file, for messages.</summary>
    public string Source { get; }

    /// <summary>Reads <c>plugins.json</c>.</summary>
    /// <param name="path">The file, or a folder that holds <c>plugins.json</c>; null: the one beside the executable.</param>
    /// <exception cref="ApertureException">There is no such file, or it is broken: the message names line and column.</exception>
    public static PluginCatalog Read(string? path = null)
    {
        string file = Path.GetFullPath(path ?? Path.Combine(AppContext.BaseDirectory, FileName));
        if (Directory.Exists(file))
        {
            file = Path.Combine(file, FileName);
        }

        byte[] json;
        try
        {
            InputFile.RequireRegular(file);
            json = File.ReadAllBytes(file);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ApertureException(
                $"{file}: cannot be read ({error.Message.TrimEnd('.')}); give the path of a plugins.json or put one beside the executable.", error);
        }

        return Parse(json, file);
    }

    /// <summary>Reads the text of a <c>plugins.json</c>.</summary>
    /// <param name="json">UTF-8 text, with or without a byte order mark; comments and trailing commas are allowed.</param>
    /// <param name="file">The file's path: plugin folders are found from its folder, and messages name it.</param>
    /// <exception cref="ApertureException">The text is broken: the message names line and column.</exception>
    public static PluginCatalog Parse(ReadOnlySpan<byte> json, string file) => new(PluginCatalogReader.Read(json, file), file);

    /// <summary>The plugins beside the program: those that its <c>plugins.json</c> lists, where it has one, and those that lie in <c>plugins/</c>.</summary>
    /// <param name="tell">Gets each line about a folder that is left out; null for nobody.</param>
    /// <exception cref="ApertureException"><c>plugins.json</c> is broken: the message names line and column.</exception>
    public static PluginCatalog Beside(Action<string>? tell = null)
    {
        string file = Path.Combine(AppContext.BaseDirectory, FileName);
        return (File.Exists(file) ? Read(file) : new PluginCatalog([], file)).WithUnlisted([Path.Combine(AppContext.BaseDirectory, "plugins")], tell);
    }

    /// <summary>The same plugins, and behind them those that lie unlisted in folders of plugins; an unlisted folder's name is its plugin's id.</summary>
    /// <param name="parents">The folders of plugins; they need not exist.</param>
    /// <param name="tell">Gets each line about a folder that is left out; null for nobody.</param>
    public PluginCatalog WithUnlisted(IEnumerable<string> parents, Action<string>? tell = null)
    {
        List<PluginEntry> entries = [.. Entries];
        List<string> notices = [];
        foreach (string folder in parents.SelectMany(parent => PluginFolders.Under(parent, notices)).ToArray())
        {
            PluginEntry entry = Unlisted(folder);
            if (entries.Exists(known => known.Folder == folder))
            {
                continue;
            }

            if (entries.Find(known => string.Equals(known.Id, entry.Id, StringComparison.OrdinalIgnoreCase)) is { } other)
            {
                notices.Add($"The plugin in {folder} is left out: {other.Folder} has the id '{entry.Id}' already; remove one, or rename a folder and its DLL.");
            }
            else
            {
                entries.Add(entry);
            }
        }

        notices.ForEach(line => tell?.Invoke(line));
        return new PluginCatalog(entries, Source);
    }

    /// <summary>The entry of a plugin that no file lists.</summary>
    /// <param name="folder">Full path of its folder.</param>
    public static PluginEntry Unlisted(string folder) => new(Path.GetFileName(folder).ToLowerInvariant(), folder);

    /// <summary>The entry with an id.</summary>
    /// <param name="id">The id, in any case.</param>
    /// <exception cref="ApertureException">There is none; the message names those there are.</exception>
    public PluginEntry Find(string id) =>
        Entries.FirstOrDefault(entry => string.Equals(entry.Id, id, StringComparison.OrdinalIgnoreCase))
        ?? throw new ApertureException(
            $"There is no plugin '{id}' in {Source}; it has {(Entries.Count == 0 ? "none" : string.Join(", ", Entries.Select(entry => entry.Id)))}.");
}
