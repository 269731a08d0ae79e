using Aperture.Files;

namespace Aperture.Plugins;

/// <summary>Plugins that lie somewhere without being listed: finds them by their files, and loads nothing.</summary>
public static class PluginFolders
{
    /// <summary>
    /// The user's own folder of plugins: <c>$XDG_CONFIG_HOME/aperture/plugins</c>, or <c>~/.config/aperture/plugins</c>; null where the user has none. Never
    /// one of the working folder: what lies there would run.
    /// </summary>
    public static string? OfUser => UserFolders.Below(UserFolders.Configuration, "aperture", "plugins");

    /// <summary>Whether a folder is a plugin: it holds a DLL of its own name, or exactly one that was built with a <c>.deps.json</c>.</summary>
    /// <param name="folder">The folder.</param>
    public static bool IsPlugin(string folder) => PluginDoctor.EntryOf(folder) is not null;

    /// <summary>The folders below one that are plugins, by name.</summary>
    /// <param name="parent">A folder of plugins; it need not exist.</param>
    /// <param name="notices">Gets a line for a folder that holds DLLs and yet is no plugin, with what to do about it.</param>
    public static IReadOnlyList<string> Under(string parent, ICollection<string> notices)
    {
        List<string> plugins = [];
        string[] folders = Directory.Exists(parent) ? [.. Directory.EnumerateDirectories(parent).Order(StringComparer.Ordinal)] : [];
        foreach (string folder in folders)
        {
            if (IsPlugin(folder))
            {
                plugins.Add(Path.GetFullPath(folder));
            }
            else if (Built(folder) is { } built)
            {
                notices.Add($"{folder} is no plugin, but {built} in it is; move it to {parent}, or name it with --plugin {built}.");
            }
            else if (Directory.EnumerateFiles(folder, "*.dll").Any())
            {
                notices.Add(
                    $"{folder} is no plugin: it holds neither {Path.GetFileName(folder)}.dll nor exactly one DLL with a .deps.json beside it; copy the whole "
                    + "build output of the plugin there, under the name of its DLL.");
            }
        }

        return plugins;
    }

    // A project dropped whole: its newest build output, such as bin/KeepCentre.
    private static string? Built(string folder)
    {
        EnumerationOptions below = new() { RecurseSubdirectories = true, MaxRecursionDepth = 4 };
        return Directory.EnumerateDirectories(folder, "*", below)
            .Where(
                candidate
                    => !Path.GetRelativePath(folder, candidate).Split(Path.DirectorySeparatorChar).Any(part => part is "obj" or "tests") && IsPlugin(candidate))
            .OrderByDescending(Directory.GetLastWriteTimeUtc)
            .FirstOrDefault();
    }
}
