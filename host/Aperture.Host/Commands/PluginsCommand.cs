using System.CommandLine;
using Aperture.Pipelines;
using Aperture.Plugins;
using Aperture.Scripting;

namespace Aperture.Host.Commands;

/// <summary>
/// <c>aperture plugins list|show|doctor|test|reload|new</c>: shows the plugins and what they offer, loads one on trial, asks questions through its methods,
/// checks that a plugin leaves memory and comes back, and starts a plugin of the user's own.
/// </summary>
internal static class PluginsCommand
{
    public static Command Create(CommandContext context)
    {
        Option<string?> file = new("--file")
        {
            Description = "A plugins.json, or the folder that holds it; the one beside the command by default.",
            HelpName = "path",
        };
        return new Command("plugins", "List, show, examine, test, reload and write plugins.")
        {
            List(context, file),
            PluginsShow.Create(context, file),
            PluginsDoctor.Create(context, file),
            PluginsTest.Create(context, file),
            Reload(context, file),
            New(context),
        };
    }

    private static Command List(CommandContext context, Option<string?> file)
    {
        Command command = new("list", "List the plugins with their methods and tasks; 1 if an enabled plugin does not load.") { file };
        command.SetAction(async (parsed, token) =>
        {
            await using PluginHost host = new(context.Plugins.Read(parsed, parsed.GetValue(file)));
            host.LoadAll(out IReadOnlyList<PluginFailure> failures);
            WriteList(context.Terminal, host.Plugins);
            foreach (PluginFailure failure in failures)
            {
                context.Terminal.Fail(failure.Message);
            }

            return failures.Count == 0 ? 0 : 1;
        });
        return command;
    }

    private static Command Reload(CommandContext context, Option<string?> file)
    {
        Argument<string> id = new("id") { Description = "The plugin's id." };
        Command command = new("reload", "Load a plugin, unload it and load it again; 1 if anything keeps the first copy in memory.") { id, file };
        command.SetAction(async (parsed, token) =>
        {
            await using PluginHost host = new(context.Plugins.Read(parsed, parsed.GetValue(file)));
            if (host.Load(parsed.GetRequiredValue(id)) is { } failure)
            {
                throw new ApertureException(failure.Message);
            }

            PluginReload reload = await host.ReloadAsync(parsed.GetRequiredValue(id), cancellation: token).ConfigureAwait(false);
            bool clean = reload.Reloaded && reload.Unload is PluginUnload.Unloaded { DisposeError: null };
            if (clean)
            {
                context.Terminal.Output.WriteLine(reload.Message);
            }
            else
            {
                context.Terminal.Fail(reload.Message);
            }

            return clean ? 0 : 1;
        });
        return command;
    }

    private static Command New(CommandContext context)
    {
        Argument<string> name = new("name") { Description = "The plugin's name, such as KeepStrongest; its method or family has the same name in lower case." };
        Option<string> kind = new("--kind")
        {
            Description = "method for a token reducer, family for a model family: LLaVA's shape around another vision tower.",
            HelpName = string.Join('|', PluginTemplate.All.Select(template => template.Kind)),
            DefaultValueFactory = _ => PluginTemplate.Method.Kind,
        };
        Option<string?> output = new("--output") { Description = "The project's folder; a new one of the plugin's name by default.", HelpName = "folder" };
        Command command = new("new", "Write the project of a plugin: a token reducer or a model family that works, with tests.") { name, kind, output };
        command.SetAction(parsed =>
        {
            string plugin = parsed.GetRequiredValue(name), asked = parsed.GetRequiredValue(kind);
            PluginTemplate template = PluginTemplate.All.FirstOrDefault(template => template.Kind == asked)
                ?? throw new ApertureException(
                    $"--kind '{asked}' is unknown; there are {string.Join(", ", PluginTemplate.All.Select(template => template.Kind))}.");
            string folder = template.Write(plugin, parsed.GetValue(output) ?? plugin);
            string method = template == PluginTemplate.Method ? $" --with {plugin.ToLowerInvariant()}" : "";
            context.Terminal.Output.WriteLine(folder);
            context.Terminal.Error.WriteLine($"Next: cd {folder} && dotnet test, then use it with --plugin bin/{plugin}{method}");
            return 0;
        });
        return command;
    }

    private static void WriteList(Terminal terminal, IReadOnlyList<PluginStatus> plugins)
    {
        List<IReadOnlyList<string>> rows = [];
        foreach (PluginStatus plugin in plugins)
        {
            string state = plugin.Loaded ? "loads" : plugin.Entry.Enabled ? "fails" : "disabled";
            (string Name, string Summary)[] parts =
            [
                .. plugin.Methods.Select(method => (method.Name, method.Summary)),
                .. plugin.Tasks.Select(task => ($"{task.Name} ({task.Kind})", task.Summary)),
            ];
            for (int row = 0; row < Math.Max(1, parts.Length); row++)
            {
                (string name, string summary) = row < parts.Length ? parts[row] : ("", "");
                rows.Add(row == 0 ? [plugin.Entry.Id, state, name, summary] : ["", "", name, summary]);
            }
        }

        terminal.Show(new DisplayTable(["plugin", "state", "method or task", "what it does"], rows));
    }
}
