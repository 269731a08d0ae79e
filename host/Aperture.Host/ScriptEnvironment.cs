using System.CommandLine;
using Aperture.Jupyter;
using Aperture.Pipelines;
using Aperture.Scripting;
using Aperture.Tasks;
using TorchSharp;

namespace Aperture.Host;

/// <summary>What scripts see: the globals object and the assemblies. The one place to extend for <c>run</c>, the REPL and notebooks alike.</summary>
internal sealed record ScriptEnvironment(HostGlobals Globals, IScriptDisplay Display, ScriptSessionOptions Options, BackgroundErrors Background)
{
    public static ScriptEnvironment Create(CommandContext context, ParseResult parsed, IReadOnlyList<string> arguments, IScriptDisplay? display = null)
    {
        display ??= new TerminalDisplay(context.Terminal);
        HostGlobals globals = new HostGlobals(display, () => context.Compute.Open(parsed), () => SessionFactory.Open(context, parsed)) { Args = arguments };
        BackgroundErrors background = new();
        Lazy<IReadOnlySet<string>> plugins = new Lazy<IReadOnlySet<string>>(() => PluginNames(context, parsed));
        return new ScriptEnvironment(globals, display, new ScriptSessionOptions
        {
            Imports =
            [
                .. new ScriptSessionOptions().Imports,
                "TorchSharp", "Aperture", "Aperture.Comparing", "Aperture.Data", "Aperture.Decoding", "Aperture.Evaluation", "Aperture.Generation",
                "Aperture.Images", "Aperture.Measuring", "Aperture.Models", "Aperture.Pipelines", "Aperture.Requests", "Aperture.Scripting",
                "Aperture.Sequences", "Aperture.Tasks", "Aperture.Vision",
            ],
            ResolveAssembly = name => plugins.Value.Contains(name.Name!) ? globals.FindPlugin(name) : null,
            RetiredPluginOf = globals.RetiredPluginOf,
            Methods = globals.KnownMethods,
            WatchesThreads = true,
            OnBackgroundError = error =>
            {
                background.Add();
                Tell(context.Terminal, display, error);
            },
            References =
            [
                typeof(ApertureException).Assembly, typeof(Aperture.Images.Image).Assembly, typeof(Aperture.Pipelines.Pipeline).Assembly,
                typeof(ScriptSession).Assembly,
                typeof(torch).Assembly,
                typeof(SixLabors.ImageSharp.Image).Assembly,
            ],
        }, background);
    }

    /// <summary>Starts a session over the globals.</summary>
    public ScriptSession StartSession() => new(typeof(HostGlobals), Globals, Options);

    private static void Tell(Terminal terminal, IScriptDisplay display, Exception error)
    {
        if (display is CellDisplay cells)
        {
            cells.TellBackgroundError(error);
        }
        else
        {
            terminal.Fail($"in the background: {(error is ApertureException ? error.Message : $"{error.GetType().Name}: {error.Message}")}");
        }
    }

    // Known without loading any: the engine session, and with it the device, is opened only for a script that names one. A broken plugins.json is told of when
    // that happens.
    private static HashSet<string> PluginNames(CommandContext context, ParseResult parsed)
    {
        try
        {
            return context.Plugins.Read(parsed).Entries.Select(entry => Path.GetFileName(entry.Folder)).ToHashSet(StringComparer.OrdinalIgnoreCase);
        }
        catch (ApertureException)
        {
            return [];
        }
    }
}
