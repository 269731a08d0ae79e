using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace Aperture.Host;

/// <summary>
/// Command lines as they are really typed, from the root of a checkout (<c>scripts/examples.txt</c>): what help ends with, and what an error about missing
/// words shows.
/// </summary>
internal static class CommandExamples
{
    private static readonly Lazy<string[]> _all = new(Read);

    /// <summary>All examples.</summary>
    public static IReadOnlyList<string> All => _all.Value;

    /// <summary>A command's examples; of the root command the first of what newcomers begin with.</summary>
    public static IReadOnlyList<string> Of(Command command)
        => command is RootCommand ? [.. Of("run").Take(1), .. Of("ask").Take(1)] : [.. Of(ParseErrors.Path(command))];

    /// <summary>Lets the help of a root command and of all below it end with examples.</summary>
    public static void AddTo(RootCommand root)
    {
        HelpOption help = root.Options.OfType<HelpOption>().Single();
        help.Action = new Help((HelpAction)help.Action!);
    }

    private static IEnumerable<string> Of(string path) => All.Where(line => $"{line} ".StartsWith($"aperture {path} ", StringComparison.Ordinal));

    private static string[] Read()
    {
        using Stream stream = typeof(CommandExamples).Assembly.GetManifestResourceStream("examples.txt")
            ?? throw new InvalidOperationException("The resource examples.txt is missing from the command.");
        using StreamReader reader = new(stream);
        return reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    /// <summary>Help with examples.</summary>
    internal sealed class Help(HelpAction plain) : SynchronousCommandLineAction
    {
        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            int code = plain.Invoke(parseResult);
            IReadOnlyList<string> examples = Of(parseResult.CommandResult.Command);
            if (examples.Count > 0)
            {
                TextWriter output = parseResult.InvocationConfiguration.Output;
                output.WriteLine("Examples:");
                foreach (string example in examples)
                {
                    output.WriteLine($"  {example}");
                }

                output.WriteLine();
            }

            return code;
        }
    }
}
