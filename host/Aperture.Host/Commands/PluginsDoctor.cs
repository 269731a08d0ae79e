using System.CommandLine;
using Aperture.Plugins;

namespace Aperture.Host.Commands;

/// <summary><c>aperture plugins doctor FOLDER</c>: examines a plugin's folder, loads the plugin on trial and unloads it.</summary>
internal static class PluginsDoctor
{
    public static Command Create(CommandContext context, Option<string?> file)
    {
        Argument<string> target = new("plugin") { Description = "A plugin's folder, or its id." };
        Command command = new(
            "doctor", "Tell what of a plugin is shared, private, missing or forbidden, load it, and unload it; 1 if anything is wrong.") { target, file };
        command.SetAction(async (parsed, token) =>
        {
            PluginEntry plugin = Find(context, parsed, parsed.GetValue(file), parsed.GetRequiredValue(target));
            PluginTrial trial = await PluginTrial.RunAsync(plugin.Folder, plugin.Id).ConfigureAwait(false);
            trial.WriteTo(context.Terminal.Output);
            return trial.IsSound ? 0 : 1;
        });
        return command;
    }

    /// <summary>The plugin that a folder or an id names.</summary>
    /// <exception cref="ApertureException">It is neither.</exception>
    public static PluginEntry Find(CommandContext context, ParseResult parsed, string? file, string name)
    {
        if (!Directory.Exists(name))
        {
            return context.Plugins.Read(parsed, file).Find(name);
        }

        string folder = Path.TrimEndingDirectorySeparator(Path.GetFullPath(name));
        return new PluginEntry(Path.GetFileName(folder), folder);
    }
}
