using System.CommandLine;
using Aperture.Images;
using Aperture.Measuring;
using Aperture.Scripting;
using Spectre.Console.Rendering;
using TorchSharp;

namespace Aperture.Host;

/// <summary>What scripts see: the globals object and the assemblies. The one place to extend for <c>run</c>, the REPL and notebooks alike.</summary>
internal sealed record ScriptEnvironment(Type GlobalsType, object Globals, ScriptSessionOptions Options)
{
    public static ScriptEnvironment Create(CommandContext context, ParseResult parsed, IReadOnlyList<string> arguments)
    {
        var globals = new HostGlobals(new TerminalDisplay(context.Terminal), () => context.Compute.Open(parsed), () => SessionFactory.Open(context, parsed)) { Args = arguments };
        return new ScriptEnvironment(typeof(HostGlobals), globals, new ScriptSessionOptions
        {
            Imports = [.. new ScriptSessionOptions().Imports, "TorchSharp", "Aperture", "Aperture.Engine", "Aperture.Evaluation", "Aperture.Generation", "Aperture.Images", "Aperture.Measuring"],
            References = [typeof(ApertureException).Assembly, typeof(Aperture.Images.Image).Assembly, typeof(Aperture.Engine.Pipeline).Assembly, typeof(torch).Assembly],
        });
    }

    // A name in the current folder that no file has yet.
    private static string FreeName(string stem)
        => Enumerable.Range(1, int.MaxValue).Select(i => i == 1 ? $"{stem}.png" : $"{stem}-{i}.png").First(name => !File.Exists(name));

    private sealed class TerminalDisplay(Terminal terminal) : IScriptDisplay
    {
        public void Print(string text) => terminal.Output.WriteLine(text);

        public void Show(object? value)
        {
            switch (value)
            {
                case IRenderable rich:
                    terminal.Rich.Write(rich);
                    terminal.Output.WriteLine();
                    break;
                case Comparison comparison:
                    ComparisonTable.Write(terminal, comparison);
                    break;
                case TokenMap map:
                    terminal.Output.WriteLine($"token map: {map.SavePng(FreeName("token-map"))}");
                    break;
                case Image image:
                    string path = Path.GetFullPath(FreeName("picture"));
                    image.SavePng(path);
                    terminal.Output.WriteLine($"picture: {path}");
                    break;
                default:
                    terminal.Output.WriteLine(ValueText.Format(value));
                    break;
            }
        }
    }
}
