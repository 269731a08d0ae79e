using System.CommandLine;
using Aperture.Plugins;
using Aperture.Scripting;
using Aperture.Tasks;

namespace Aperture.Host.Commands;

/// <summary><c>aperture plugins show NAME</c>: what a plugin's methods and tasks, or one of them, do, and their options.</summary>
internal static class PluginsShow
{
    public static Command Create(CommandContext context, Option<string?> file)
    {
        Argument<string> name = new("name") { Description = "A plugin's id, or the name of a method or task." };
        Command command = new("show", "Show what a plugin's methods and tasks do, with paper and options.") { name, file };
        command.SetAction(async (parsed, token) =>
        {
            await using PluginHost plugins = new(context.Plugins.Read(parsed, parsed.GetValue(file)));
            Show(new TerminalDisplay(context.Terminal), plugins, parsed.GetRequiredValue(name));
            return 0;
        });
        return command;
    }

    private static void Show(IScriptDisplay display, PluginHost plugins, string name)
    {
        if (plugins.Catalog.Entries.FirstOrDefault(entry => IsNamed(entry.Id, name)) is { } entry)
        {
            if (plugins.Load(entry.Id) is { } failure)
            {
                throw new ApertureException(failure.Message);
            }

            PluginStatus plugin = plugins.Plugins.First(status => status.Entry == entry);
            display.Print($"plugin {entry.Id}: {entry.Folder}");
            if (plugin.Methods.Count + plugin.Tasks.Count == 0)
            {
                display.Print("It offers no method and no task; 'aperture models list' shows model families, 'aperture --help' commands of plugins.");
            }

            foreach (PluginMethod method in plugin.Methods)
            {
                display.Print("");
                MethodHelp.Show(display, method);
            }

            foreach (PluginTask task in plugin.Tasks)
            {
                display.Print("");
                MethodHelp.Show(display, task);
            }

            return;
        }

        plugins.LoadAll(out _);
        PluginTask[] tasks = [.. plugins.Plugins.SelectMany(plugin => plugin.Tasks).Where(task => IsNamed(task.Name, name))];
        if (tasks.Length == 0)
        {
            MethodHelp.Show(display, plugins.Describe(name));
        }

        Array.ForEach(tasks, task => MethodHelp.Show(display, task));
    }

    private static bool IsNamed(string name, string other) => string.Equals(name, other, StringComparison.OrdinalIgnoreCase);
}
