using Aperture.Scripting;
using Aperture.Tables;
using Spectre.Console;

namespace Aperture.Host;

/// <summary>
/// The two streams of the command: results go to standard output, everything about getting there (progress, warnings, errors) to standard error.
/// Colours and moving parts appear only on a terminal and not when NO_COLOR is set.
/// </summary>
internal sealed class Terminal
{
    private const int LeastColumns = 20, MostColumns = 10_000; // Outside, COLUMNS is a mistake.

    public Terminal(TextWriter output, TextWriter error)
    {
        Output = output;
        Error = error;
        Rich = Create(output);
        RichError = Create(error);
    }

    /// <summary>Standard output as plain text, never wrapped.</summary>
    public TextWriter Output { get; }

    /// <summary>Standard error as plain text, never wrapped.</summary>
    public TextWriter Error { get; }

    /// <summary>Standard output for tables and charts.</summary>
    public IAnsiConsole Rich { get; }

    /// <summary>Standard error for progress bars.</summary>
    public IAnsiConsole RichError { get; }

    public static Terminal OfProcess() => new(Console.Out, Console.Error);

    /// <summary>Shows a table on standard output, as wide as the terminal.</summary>
    public void Show(DisplayTable table) => Rich.Write(new TableView(table));

    /// <summary>A remark on standard error, on a terminal broken between words.</summary>
    public void Note(string text)
        => Error.WriteLine(RichError.Profile.Out.IsTerminal ? TableLayout.Wrap(text, RichError.Profile.Width) : text);

    public void Warn(string message) => WriteLine("warning: ", Color.Yellow, message);

    public void Fail(string message) => WriteLine("error: ", Color.Red, message);

    private void WriteLine(string label, Color color, string message)
    {
        RichError.Write(new Spectre.Console.Text(label, new Style(color)));
        Error.WriteLine(Plain(message));
    }

    /// <summary>A text on one line in which nothing commands the terminal: what a file, a hub or somebody's exception says may hold anything.</summary>
    public static string Plain(string text) => string.Concat(text.ReplaceLineEndings(" ").Select(c => char.IsControl(c) && c != '\t' ? '\uFFFD' : c));

    private static IAnsiConsole Create(TextWriter writer)
    {
        bool isPlain = Environment.GetEnvironmentVariable("NO_COLOR") is { Length: > 0 };
        AnsiConsoleOutput output = new AnsiConsoleOutput(writer);
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = output,
            Ansi = output.IsTerminal ? AnsiSupport.Detect : AnsiSupport.No,
            ColorSystem = isPlain || !output.IsTerminal ? ColorSystemSupport.NoColors : ColorSystemSupport.Detect,
        });
        if (FixedWidth(output.IsTerminal, Environment.GetEnvironmentVariable("COLUMNS")) is { } width)
        {
            console.Profile.Width = width;
        }

        return console;
    }

    /// <summary>What COLUMNS says; without it a terminal's own width, which may change (null), and a width that reads well in files and pipes.</summary>
    internal static int? FixedWidth(bool isTerminal, string? columns)
        => int.TryParse(columns, out int width) && width is >= LeastColumns and <= MostColumns ? width : isTerminal ? null : TableLayout.PlainWidth;
}
