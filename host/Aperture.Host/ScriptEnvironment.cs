using System.CommandLine;
using Aperture.Scripting;
using Spectre.Console.Rendering;
using TorchSharp;

namespace Aperture.Host;

/// <summary>What scripts see: the globals object and the assemblies. The one place to extend for <c>run</c>, the REPL and notebooks alike.</summary>
internal sealed record ScriptEnvironment(Type GlobalsType, object Globals, ScriptSessionOptions Options)
{
    public static ScriptEnvironment Create(CommandContext context, ParseResult parsed, IReadOnlyList<string> arguments)
    {
        var globals = new HostGlobals(new TerminalDisplay(context.Terminal), () => context.Compute.Open(parsed)) { Args = arguments };
        return new ScriptEnvironment(typeof(HostGlobals), globals, new ScriptSessionOptions
        {
            Imports = [.. new ScriptSessionOptions().Imports, "TorchSharp"],
            References = [typeof(ApertureException).Assembly, typeof(torch).Assembly],
        });
    }

    private sealed class TerminalDisplay(Terminal terminal) : IScriptDisplay
    {
        public void Print(string text) => terminal.Output.WriteLine(text);

        public void Show(object? value)
        {
            if (value is IRenderable rich)
            {
                terminal.Rich.Write(rich);
            }

            terminal.Output.WriteLine(value is IRenderable ? "" : ValueText.Format(value));
        }
    }
}
