using System.CommandLine;
using Aperture.Images;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Plugins;
using Aperture.Trials;

namespace Aperture.Host.Commands;

/// <summary><c>aperture plugins test FOLDER</c>: asks questions through each method of a plugin and tells what goes wrong.</summary>
internal static class PluginsTest
{
    private static readonly string[] _questions = ["What is in the top left?", "How many boots are there?"];

    public static Command Create(CommandContext context, Option<string?> file)
    {
        Argument<string> target = new("plugin") { Description = "A plugin's folder, or its id." };
        Option<string> model = new("--model")
        {
            Description = "The model that is asked.",
            HelpName = "model",
            DefaultValueFactory = _ => "tiny-llava",
        };
        Option<string[]> with = new("--with")
        {
            Description = "Options to test a method with, NAME:OPTION=VALUE,…; its defaults otherwise. May be repeated.",
            HelpName = "method",
        };
        Command command = new(
            "test",
            "Ask three questions through each method of a plugin; 1 if one throws, leaves tensors behind, names places that cannot be, or has another name "
            + "than its factory.") { target, model, with, file };
        command.SetAction(async (parsed, token) =>
        {
            PluginEntry plugin = PluginsDoctor.Find(context, parsed, parsed.GetValue(file), parsed.GetRequiredValue(target));
            PluginCatalog catalog = context.Plugins.Read(parsed, parsed.GetValue(file));
            IEnumerable<PluginEntry> others = catalog.Entries.Where(entry => !string.Equals(entry.Id, plugin.Id, StringComparison.OrdinalIgnoreCase));
            PluginHost host = new(new PluginCatalog([.. others, plugin], catalog.Source));
            await using EngineSession session = SessionFactory.Open(context, parsed, plugins: host);
            MethodUse[] given = [.. (parsed.GetValue(with) ?? []).Select(MethodUse.Parse)];
            bool sound = Run(context.Terminal, session, plugin, session.Load(parsed.GetRequiredValue(model), cancellationToken: token), given, token);
            return await Left(context.Terminal, session, plugin).ConfigureAwait(false) && sound ? 0 : 1;
        });
        return command;
    }

    private static bool Run(
        Terminal terminal, EngineSession session, PluginEntry plugin, Pipeline model, IReadOnlyList<MethodUse> given, CancellationToken cancellationToken)
    {
        if (session.Plugins.Load(plugin.Id) is { } failure)
        {
            throw new ApertureException(failure.Message);
        }

        IReadOnlyList<PluginMethod> methods = session.Plugins.Plugins.First(status => status.Entry == plugin).Methods;
        if (methods.Count == 0)
        {
            terminal.Output.WriteLine($"Plugin '{plugin.Id}' offers no method; there is nothing to ask.");
        }

        if (given.FirstOrDefault(use => methods.All(method => !IsNamed(method.Name, use.Name))) is { } stranger)
        {
            throw new ApertureException(
                $"Plugin '{plugin.Id}' has no method '{stranger.Name}'; it has {string.Join(", ", methods.Select(method => method.Name))}.");
        }

        Image picture = Image.Load(Path.Combine(AppContext.BaseDirectory, "scripts", "shelf.png"));
        (Image? Image, string Question)[] questions = [.. _questions.Select(question => ((Image?)picture, question)), (null, "What is a boot?")];
        bool sound = true;
        foreach (MethodUse use in methods.Select(method => given.FirstOrDefault(use => IsNamed(method.Name, use.Name)) ?? new MethodUse(method.Name, default)))
        {
            MethodTrial trial = MethodTrial.Run(model, use, questions, cancellationToken);
            sound &= trial.Faults.Count == 0;
            foreach (string fault in trial.Faults)
            {
                terminal.Fail($"{trial.Method}: {fault}.");
            }

            if (trial.Faults.Count == 0)
            {
                terminal.Output.WriteLine($"{trial.Method}: {questions.Length} questions on {model.Model.Name}, asked twice; nothing is wrong.");
            }
        }

        return sound;
    }

    // A method that was let go must let its plugin go.
    private static async Task<bool> Left(Terminal terminal, EngineSession session, PluginEntry plugin)
    {
        PluginUnload unload = await session.Plugins.UnloadAsync(plugin.Id).ConfigureAwait(false);
        if (unload is PluginUnload.Unloaded { DisposeError: null })
        {
            return true;
        }

        terminal.Fail(unload.Message);
        return false;
    }

    private static bool IsNamed(string name, string other) => string.Equals(name, other, StringComparison.OrdinalIgnoreCase);
}
