using Aperture.Host.Repl;
using Aperture.Images;
using Aperture.Scripting;
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

    private readonly Lazy<string> _pictures = new(() => Directory.CreateTempSubdirectory("aperture-pictures-").FullName);
    private int _saved;

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
            terminal.Show(table);
        }
        else
        {
            terminal.Output.WriteLine(form.Text);
        }
    }

    // Progress is about getting there: it goes to standard error, where a line can be written over.
    public ILiveDisplay ShowLive(object? value) =>
        value is WorkProgress ? new ProgressLine(terminal)
        : terminal.Rich.Profile.Out.IsTerminal && terminal.Rich.Profile.Capabilities.Ansi ? new RewrittenText(terminal.Output, Formatter, value)
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

    // Into a folder of this session's own under the temporary ones, which the user's own files never share.
    private string Save(Image picture)
    {
        string file = Path.Combine(_pictures.Value, $"picture-{++_saved}.png");
        picture.SavePng(file);
        return file;
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
