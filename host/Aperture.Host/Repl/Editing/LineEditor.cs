using Aperture.Measuring;
using Aperture.Scripting;
using Aperture.Tables;

namespace Aperture.Host.Repl;

/// <summary>Reads one entry at the prompt: the loop between keys, screen and the code assistant. What each key does is in <see cref="EditorKeys"/>.</summary>
internal sealed class LineEditor
{
    // Pastes come marked as such, and Enter with Ctrl or Shift comes as another key (xterm's modifyOtherKeys), where the terminal can.
    private const string ModesOn = "\x1b[?2004h\x1b[>4;1m";
    private const string ModesOff = "\x1b[>4;0m\x1b[?2004l";
    private static readonly TimeSpan _idle = TimeSpan.FromMilliseconds(250); // How soon a changed window size or a request to leave is seen.
    private static readonly TimeSpan _busy = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan _colourFirst = TimeSpan.FromMilliseconds(20); // Drawing waits so long for colours, so that they do not flicker.

    private readonly IEditorTerminal _terminal;
    private readonly KeyReader _keys;
    private readonly EditorScreen _screen;
    private readonly SessionIntelligence? _intelligence;
    private readonly LineHistory _history;
    private readonly Theme _theme;

    /// <param name="terminal">Where it reads and draws.</param>
    /// <param name="intelligence">Knows the code that is typed; null where text is typed.</param>
    /// <param name="history">What was entered before.</param>
    /// <param name="theme">Its colours.</param>
    public LineEditor(IEditorTerminal terminal, SessionIntelligence? intelligence, LineHistory history, Theme theme)
    {
        (_terminal, _intelligence, _history, _theme) = (terminal, intelligence, history, theme);
        _keys = new KeyReader(terminal);
        _screen = new EditorScreen(terminal, theme);
    }

    /// <summary>Reads an entry.</summary>
    /// <param name="prompt">Stands before it.</param>
    /// <param name="isCommand">Whether a text is a command of the REPL: it is entered as it stands.</param>
    /// <param name="shown">Called when the prompt is on the screen.</param>
    /// <param name="leave">Ends reading.</param>
    public LineEntry Read(string prompt, Predicate<string> isCommand, Action shown, CancellationToken leave)
    {
        using CodeAssistant assistant = new CodeAssistant(_intelligence);
        EditorKeys keys = new EditorKeys(assistant, _intelligence, _history, isCommand);
        _terminal.Write(ModesOn);
        Draw(prompt, keys, assistant);
        shown();
        int width = _terminal.Width;
        while (keys.Result is null)
        {
            if (leave.IsCancellationRequested)
            {
                keys.Leave();
                break;
            }

            bool changed = assistant.Poll() | keys.Poll() | width != _terminal.Width;
            width = _terminal.Width;
            if (_keys.Next(assistant.IsBusy || keys.IsBusy ? _busy : _idle) is { } key)
            {
                keys.Press(key);
                changed = true;
            }

            if (keys.WantsClear)
            {
                _screen.Clear();
            }

            if (changed && !_keys.HasInput && keys.Result is null)
            {
                WaitForColours(assistant);
                Draw(prompt, keys, assistant);
            }
        }

        assistant.CloseCompletions();
        Finish(prompt, keys, assistant);
        return keys.Result!;
    }

    private void WaitForColours(CodeAssistant assistant)
    {
        long start = Environment.TickCount64;
        while (assistant.IsColouring && Environment.TickCount64 - start < _colourFirst.TotalMilliseconds)
        {
            Thread.Sleep(1);
            assistant.Poll();
        }
    }

    private void Draw(string prompt, EditorKeys keys, CodeAssistant assistant)
    {
        string text = keys.Buffer.Text;
        _screen.Draw(prompt, text, keys.Buffer.Cursor, assistant.ColoursOf(text), keys.Below(_theme, TextWidth.Of(prompt), _terminal.Width));
    }

    private void Finish(string prompt, EditorKeys keys, CodeAssistant assistant)
    {
        string text = keys.Buffer.Text, mark = keys.Result is LineEntry.Abandoned ? "^C" : "";
        _screen.Draw(prompt, text + mark, text.Length + mark.Length, assistant.ColoursOf(text), []);
        _screen.Finish();
        _terminal.Write(ModesOff);
    }
}
