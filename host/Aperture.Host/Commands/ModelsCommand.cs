using System.CommandLine;
using Aperture.Hub;
using Aperture.Models;
using Aperture.Plugins;
using Aperture.Scripting;

namespace Aperture.Host.Commands;

/// <summary><c>aperture models list</c>: the model families of all plugins and what each recognises, and the models that come with the application.</summary>
internal static class ModelsCommand
{
    public static Command Create(CommandContext context)
    {
        Option<string?> file = new("--file")
        {
            Description = "A plugins.json, or the folder that holds it; the one beside the command by default.",
            HelpName = "path",
        };
        Command list = new("list", "List the model families and what they recognise, and the shipped models; 1 if an enabled plugin does not load.") { file };
        list.SetAction(async (parsed, token) =>
        {
            await using PluginHost plugins = new(context.Plugins.Read(parsed, parsed.GetValue(file)));
            HubCache cache = new(HubSettings.FromEnvironment());
            IReadOnlyList<FamilyDescription> families = new ModelOpener(plugins, cache).Families(out IReadOnlyList<string> failures);
            context.Terminal.Show(ToTable(families));
            IReadOnlyList<string> shipped = new ModelLocator(cache).ShippedModels;
            if (shipped.Count > 0)
            {
                context.Terminal.Output.WriteLine($"shipped models: {string.Join(", ", shipped)}");
            }

            foreach (string failure in failures)
            {
                context.Terminal.Fail(failure);
            }

            return failures.Count == 0 ? 0 : 1;
        });
        return new Command("models", "List model families and models.") { list };
    }

    private static DisplayTable ToTable(IReadOnlyList<FamilyDescription> families) => new(
        ["family", "plugin", "what it is", "recognises"],
        [.. families.Select(family => new[] { family.Name, family.Plugin, family.Summary, string.Join('\n', family.Recognised) })]);
}
