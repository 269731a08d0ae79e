using System.CommandLine;
using Aperture.Scripting;
using TorchSharp;

namespace Aperture.Host;

/// <summary>What scripts see: the globals object and the assemblies. The one place to extend for <c>run</c>, the REPL and notebooks alike.</summary>
internal sealed record ScriptEnvironment(HostGlobals Globals, IScriptDisplay Display, ScriptSessionOptions Options)
{
    public static ScriptEnvironment Create(CommandContext context, ParseResult parsed, IReadOnlyList<string> arguments, IScriptDisplay? display = null)
    {
        display ??= new TerminalDisplay(context.Terminal);
        var globals = new HostGlobals(display, () => context.Compute.Open(parsed), () => SessionFactory.Open(context, parsed)) { Args = arguments };
        return new ScriptEnvironment(globals, display, new ScriptSessionOptions
        {
            Imports = [.. new ScriptSessionOptions().Imports, "TorchSharp", "Aperture", "Aperture.Engine", "Aperture.Evaluation", "Aperture.Generation", "Aperture.Images", "Aperture.Measuring", "Aperture.Scripting"],
            References = [typeof(ApertureException).Assembly, typeof(Aperture.Images.Image).Assembly, typeof(Aperture.Engine.Pipeline).Assembly, typeof(torch).Assembly],
        });
    }

    /// <summary>Starts a session over the globals.</summary>
    public ScriptSession StartSession() => new(typeof(HostGlobals), Globals, Options);
}
