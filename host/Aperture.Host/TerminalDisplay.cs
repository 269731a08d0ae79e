using Aperture.Host.Repl;
using Aperture.Images;
using Aperture.Scripting;
using Aperture.Tasks;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Aperture.Host;

/// <summary>
/// Shows values of scripts on the terminal: tables as tables, pictures among the text where the terminal can and else as files named on a line, the rest as
/// text.
/// </summary>
internal sealed class TerminalDisplay(Terminal terminal) : IScriptDisplay
{
    private readonly Lazy<GraphicsKind> _graphics = new(() => Console.IsOutputRedirected
        ? GraphicsKind.None
        : TerminalGraphics.Detect(Console.IsInputRedirected ? null : new RawTerminal(), Environment.GetEnvironmentVariable));

    public ValueFormatter Formatter { get; } = new();

    public void Print(string text) => terminal.Output.WriteLine(text);

    public void Show(object? value)
    {
        if (value is IRenderable rich)
        {
            terminal.Rich.Write(rich);
            terminal.Output.WriteLine();
            return;
        }

        DisplayForm form = Formatter.Format(value);
        if (form.Picture is { } picture)
        {
            Write(form.Text, picture);
        }
        else if (form.Table is { } table)
        {
            Write(table);
        }
        else
        {
            terminal.Output.WriteLine(form.Text);
        }
    }

    // Progress is about getting there: it goes to standard error, where a line can be written over.
    public ILiveDisplay ShowLive(object? value) =>
        value is WorkProgress ? new ProgressLine(terminal)
        : terminal.Rich.Profile.Out.IsTerminal ? new RewrittenText(terminal.Output, Formatter, value)
        : new FirstAndLast(this, value);

    private void Write(string text, Image picture)
    {
        if (_graphics.Value == GraphicsKind.None)
        {
            terminal.Output.WriteLine($"{text}: {Save(picture)}");
        }
        else
        {
            terminal.Output.WriteLine(text);
            terminal.Output.WriteLine(InlinePicture.Encode(picture, _graphics.Value));
        }
    }

    private void Write(DisplayTable table)
    {
        Table shown = new();
        if (table.Title.Length > 0)
        {
            shown.Title = new TableTitle(Markup.Escape(table.Title));
        }

        if (table.Caption.Length > 0)
        {
            shown.Caption = new TableTitle(Markup.Escape(table.Caption));
        }

        foreach (string head in table.Heads)
        {
            shown.AddColumn(new TableColumn(Markup.Escape(head)));
        }

        foreach (IReadOnlyList<string> row in table.Rows)
        {
            shown.AddRow([.. row.Select(Markup.Escape)]);
        }

        terminal.Rich.Write(shown);
    }

    // A name in the current folder that no file has yet.
    private static string Save(Image picture)
    {
        string name = Enumerable.Range(1, int.MaxValue).Select(i => i == 1 ? "picture.png" : $"picture-{i}.png").First(n => !File.Exists(n));
        picture.SavePng(name);
        return Path.GetFullPath(name);
    }

    private sealed class ProgressLine(Terminal terminal) : ILiveDisplay
    {
        private readonly bool _isSeen = terminal.RichError.Profile.Out.IsTerminal;

        public void Update(object? value) => Write($"\r{value}");

        public void Dispose() => Write("\n");

        private void Write(string text)
        {
            if (_isSeen)
            {
                terminal.Error.Write(text);
            }
        }
    }
}
