using System.CommandLine;
using Aperture.Hub;
using Aperture.Pipelines;
using Aperture.Plugins;
using Aperture.Scripting;

namespace Aperture.Host.Commands;

/// <summary><c>aperture tasks list</c>: shows the architectures whose product is not a chat answer, and the checkpoints that they recognise.</summary>
internal static class TasksCommand
{
    public static Command Create(CommandContext context)
    {
        Option<string?> file = new("--file")
        {
            Description = "A plugins.json, or the folder that holds it; the one beside the command by default.",
            HelpName = "path",
        };
        return new Command("tasks", "List the architectures that classify, segment, edit, caption or generate.") { List(context, file) };
    }

    private static Command List(CommandContext context, Option<string?> file)
    {
        Command command = new("list", "List the architectures of the plugins; 1 if an enabled plugin does not load.") { file };
        command.SetAction(async (parsed, token) =>
        {
            await using PluginHost host = new(context.Plugins.Read(parsed, parsed.GetValue(file)));
            host.LoadAll(out IReadOnlyList<PluginFailure> failures);
            Write(context.Terminal, [.. host.Plugins.SelectMany(plugin => plugin.Tasks)]);
            IReadOnlyList<string> shipped = new ModelLocator(new HubCache(HubSettings.FromEnvironment())).ShippedTasks;
            if (shipped.Count > 0)
            {
                context.Terminal.Output.WriteLine($"shipped checkpoints: {string.Join(", ", shipped)}");
            }

            foreach (PluginFailure failure in failures)
            {
                context.Terminal.Fail(failure.Message);
            }

            return failures.Count == 0 ? 0 : 1;
        });
        return command;
    }

    private static void Write(Terminal terminal, IReadOnlyList<PluginTask> tasks) => terminal.Show(new DisplayTable(
        ["architecture", "task", "plugin", "what it recognises", "training"],
        [.. tasks.Select(task => new[] { task.Name, task.Kind, task.Plugin, task.Checkpoints, task.TrainingOptions is null ? "" : "yes" })]));
}
