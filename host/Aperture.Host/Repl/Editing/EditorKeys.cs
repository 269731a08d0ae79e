using Aperture.Scripting;
using Aperture.Tasks;

namespace Aperture.Host.Repl;

/// <summary>What each key does to the entry: the text, the open menu, the search, the help below.</summary>
internal sealed class EditorKeys(CodeAssistant assistant, SessionIntelligence? intelligence, LineHistory history, Predicate<string> isCommand)
{
    private const int IndentWidth = 4;
    private readonly HistoryWalk _walk = new(history);
    private HistorySearch? _search;
    private CompletionMenu? _menu;
    private Task<CodeDescription?>? _describing;
    private CodeDescription? _description;
    private bool _takesOnly; // Tab was pressed before the completions came: one alone is taken at once.

    public LineBuffer Buffer { get; } = new();

    /// <summary>How the entry ended; null while it has not.</summary>
    public LineEntry? Result { get; private set; }

    /// <summary>Whether help is on its way.</summary>
    public bool IsBusy => _describing is not null;

    /// <summary>True once after Ctrl+L.</summary>
    public bool WantsClear
    {
        get
        {
            bool wants = field;
            field = false;
            return wants;
        }

        private set;
    }

    /// <summary>Ends without an entry.</summary>
    public void Leave() => Result = new LineEntry.End();

    /// <summary>Takes the answers of the assistant into the menu; true if there is something new to draw.</summary>
    public bool Poll()
    {
        if (!ReferenceEquals(_menu?.Completions, assistant.Completions) && !assistant.IsCompleting)
        {
            _menu = assistant.Completions is { } found ? new CompletionMenu(found) : null;
            if (_takesOnly && _menu is not null)
            {
                _takesOnly = false;
                _menu.Enter();
                if (_menu.Completions.Items.Count == 1)
                {
                    TakeCompletion(_menu);
                }
            }

            return true;
        }

        if (_describing is { IsCompleted: true } done)
        {
            _describing = null;
            _description = done.IsCompletedSuccessfully ? done.Result : null;
            return true;
        }

        return false;
    }

    public void Press(KeyPress key)
    {
        _description = null;
        if (_search is not null && !PressInSearch(key, _search))
        {
            return;
        }

        if (_menu is not null && PressInMenu(key, _menu))
        {
            return;
        }

        string before = Buffer.Text;
        int cursor = Buffer.Cursor;
        bool typed = Edit(key);
        if (Result is null && (Buffer.Text != before || Buffer.Cursor != cursor))
        {
            bool continues = typed || (_menu is not null && Buffer.Text != before && key.Key == Key.Backspace);
            Ask(continues && CanComplete());
        }
    }

    /// <summary>The rows below the text.</summary>
    public IReadOnlyList<string> Below(Theme theme, int indent, int width)
    {
        if (_search is { } search)
        {
            return [$"{theme.Dim}{(search.Failed ? "nothing older has" : "search")}:{theme.Reset} {search.Query}"];
        }

        if (_description is { } description)
        {
            return [.. description.ToString().Split('\n').Take(12).Select(line => theme.Dim + (line.Length < width ? line : line[..(width - 2)] + "…"))];
        }

        IReadOnlyList<string> signature = assistant.Signatures is { } signatures ? SignatureRows.Draw(signatures, theme, width) : [];
        if (_menu is not { } menu)
        {
            return signature;
        }

        int start = Math.Min(menu.Completions.Start, Buffer.Text.Length);
        int column = start - (start == 0 ? 0 : Buffer.Text.LastIndexOf('\n', start - 1) + 1);
        return [.. menu.Draw(theme, indent + column, width), .. signature];
    }

    // True where the key is one of the menu's.
    private bool PressInMenu(KeyPress key, CompletionMenu menu)
    {
        switch (key)
        {
            case { Key: Key.Down, Modifiers: 0 } or { Key: Key.Text, Text: "n", Modifiers: KeyModifiers.Control }:
                menu.Move(1);
                return true;
            case { Key: Key.Up, Modifiers: 0 } or { Key: Key.Text, Text: "p", Modifiers: KeyModifiers.Control } when menu.IsEntered:
                menu.Move(-1);
                return true;
            case { Key: Key.PageDown } when menu.IsEntered:
                menu.Move(8);
                return true;
            case { Key: Key.PageUp } when menu.IsEntered:
                menu.Move(-8);
                return true;
            case { Key: Key.Tab, Modifiers: 0 }:
            case { Key: Key.Enter, Modifiers: 0 } when menu.IsEntered:
                TakeCompletion(menu);
                return true;
            case { Key: Key.Tab, Modifiers: KeyModifiers.Shift }:
                menu.Move(-1);
                return true;
            case { Key: Key.Escape }:
                CloseMenu();
                return true;
            default:
                return false;
        }
    }

    // False where the key was one of the search's; any other ends it and acts on what was found.
    private bool PressInSearch(KeyPress key, HistorySearch search)
    {
        switch (key)
        {
            case { Key: Key.Text, Modifiers: 0 }:
                search.Type(key.Text);
                break;
            case { Key: Key.Backspace }:
                search.DeleteBack();
                break;
            case { Key: Key.Text, Text: "r", Modifiers: KeyModifiers.Control }:
                search.Older();
                break;
            case { Key: Key.Escape } or { Key: Key.Text, Text: "g" or "c", Modifiers: KeyModifiers.Control }:
                Buffer.SetText(search.Before);
                _search = null;
                Ask(complete: false);
                return false;
            default:
                _search = null;
                Ask(complete: false);
                return key.Key != Key.Tab && key.Key != Key.Unknown;
        }

        Buffer.SetText(search.Found);
        Ask(complete: false);
        return false;
    }

    // True if the key typed something that completions may follow.
    private bool Edit(KeyPress key)
    {
        switch (key.Key)
        {
            case Key.Text when key.Modifiers is KeyModifiers.None or KeyModifiers.Shift:
                Type(key.Text);
                return true;
            case Key.Text when key.Modifiers == KeyModifiers.Control:
                EditWithControl(key.Text);
                return false;
            case Key.Text when key.Modifiers == KeyModifiers.Alt:
                EditWithAlt(key.Text);
                return false;
            case Key.Paste:
                Buffer.Insert(CleanPaste(key.Text));
                return false;
            case Key.Enter:
                Enter(key.Modifiers);
                return false;
            case Key.Tab:
                Tab();
                return false;
            case Key.Backspace:
                Backspace(key.Modifiers);
                return false;
            case Key.Delete:
                Buffer.DeleteForward();
                return false;
            case Key.Escape:
                assistant.CloseSignatures();
                return false;
            case Key.F1:
                Describe();
                return false;
            case Key.EndOfInput:
                Leave();
                return false;
            default:
                Move(key);
                return false;
        }
    }

    private void EditWithControl(string letter)
    {
        switch (letter)
        {
            case "c": Result = new LineEntry.Abandoned(Buffer.Text.Length == 0); break;
            case "d" when Buffer.Text.Length == 0: Leave(); break;
            case "d": Buffer.DeleteForward(); break;
            case "a": Buffer.MoveTo(Buffer.LineStart); break;
            case "e": Buffer.MoveTo(Buffer.LineEnd); break;
            case "b": Buffer.MoveLeft(); break;
            case "f": Buffer.MoveRight(); break;
            case "p": Older(); break;
            case "n": Younger(); break;
            case "k": Buffer.CutToLineEnd(); break;
            case "u": Buffer.CutToLineStart(); break;
            case "w": Buffer.CutWordLeft(); break;
            case "y": Buffer.Insert(Buffer.Cut); break;
            case "z" or "_": Buffer.Undo(); break;
            case "l": WantsClear = true; break;
            case "r": _search = new HistorySearch(history, Buffer.Text); CloseMenu(); break;
            case "o": NewLine(); break;
            case " ": AskForCompletions(); break;
        }
    }

    private void EditWithAlt(string letter)
    {
        switch (letter)
        {
            case "b": Buffer.MoveWordLeft(); break;
            case "f": Buffer.MoveWordRight(); break;
            case "d": Buffer.CutWordRight(); break;
            case "z": Buffer.Redo(); break;
            case "<": Buffer.MoveTo(0); break;
            case ">": Buffer.MoveTo(Buffer.Text.Length); break;
        }
    }

    private void Move(KeyPress key)
    {
        bool byWord = key.Modifiers.HasFlag(KeyModifiers.Control) || key.Modifiers.HasFlag(KeyModifiers.Alt);
        switch (key.Key)
        {
            case Key.Left when byWord: Buffer.MoveWordLeft(); break;
            case Key.Left: Buffer.MoveLeft(); break;
            case Key.Right when byWord: Buffer.MoveWordRight(); break;
            case Key.Right: Buffer.MoveRight(); break;
            case Key.Home when byWord: Buffer.MoveTo(0); break;
            case Key.Home: Buffer.MoveTo(Buffer.LineStart); break;
            case Key.End when byWord: Buffer.MoveTo(Buffer.Text.Length); break;
            case Key.End: Buffer.MoveTo(Buffer.LineEnd); break;
            case Key.Up when key.Modifiers == KeyModifiers.Alt: assistant.TurnSignature(-1); break;
            case Key.Down when key.Modifiers == KeyModifiers.Alt: assistant.TurnSignature(1); break;
            case Key.Up when !Buffer.MoveUp(): Older(); break;
            case Key.Down when !Buffer.MoveDown(): Younger(); break;
            case Key.PageUp: Older(); break;
            case Key.PageDown: Younger(); break;
        }
    }

    private void Type(string text)
    {
        int start = Buffer.LineStart;
        string line = Buffer.Text[start..Buffer.Cursor];
        if (text == "}" && line.Length >= IndentWidth && string.IsNullOrWhiteSpace(line))
        {
            Buffer.Replace(start, IndentWidth, ""); // The brace belongs one step further left than the block it ends.
            Buffer.MoveTo(start + line.Length - IndentWidth);
        }

        Buffer.Insert(text);
        _walk.Stop();
    }

    private void Enter(KeyModifiers modifiers)
    {
        string text = Buffer.Text;
        bool inDetail = modifiers == KeyModifiers.Control, wantsLine = !inDetail && modifiers != KeyModifiers.None;
        if (!wantsLine
            && (isCommand(text) || string.IsNullOrWhiteSpace(text) || IsInsisting(text) || SessionIntelligence.Examine(text) != CodeState.Incomplete))
        {
            Result = new LineEntry.Entered(text, inDetail);
            return;
        }

        NewLine();
    }

    // Two empty lines at the end: the user wants to hear what is wrong.
    private static bool IsInsisting(string text)
        => text.Length > 2 && text.Split('\n') is [.., { } first, { } second] && string.IsNullOrWhiteSpace(first) && string.IsNullOrWhiteSpace(second);

    private void NewLine()
    {
        string line = Buffer.Text[Buffer.LineStart..Buffer.Cursor];
        string indent = line[..^line.TrimStart().Length];
        bool opens = line.TrimEnd() is [.., '{' or '(' or '['];
        Buffer.Insert("\n" + indent + (opens ? new string(' ', IndentWidth) : ""));
        CloseMenu();
    }

    private void Backspace(KeyModifiers modifiers)
    {
        string line = Buffer.Text[Buffer.LineStart..Buffer.Cursor];
        if (modifiers != KeyModifiers.None)
        {
            Buffer.CutWordLeft();
        }
        else if (line.Length >= IndentWidth && line.Length % IndentWidth == 0 && string.IsNullOrWhiteSpace(line))
        {
            Buffer.Replace(Buffer.Cursor - IndentWidth, IndentWidth, "");
        }
        else
        {
            Buffer.DeleteBack();
        }
    }

    private void Tab()
    {
        string line = Buffer.Text[Buffer.LineStart..Buffer.Cursor];
        if (string.IsNullOrWhiteSpace(line))
        {
            Buffer.Insert(new string(' ', IndentWidth - (line.Length % IndentWidth)));
        }
        else
        {
            AskForCompletions();
        }
    }

    private void AskForCompletions()
    {
        _takesOnly = true;
        Ask(complete: true);
    }

    private void TakeCompletion(CompletionMenu menu)
    {
        int start = Math.Min(menu.Completions.Start, Buffer.Cursor);
        Buffer.Replace(start, Buffer.Cursor - start, menu.Selected.Text);
        CloseMenu();
        Ask(complete: false);
    }

    private void CloseMenu()
    {
        _menu = null;
        _takesOnly = false;
        assistant.CloseCompletions();
    }

    private void Older() => Show(_walk.Older(Buffer.Text));

    private void Younger() => Show(_walk.Younger());

    private void Show(string? entry)
    {
        if (entry is not null)
        {
            Buffer.SetText(entry);
        }
    }

    private void Describe() => _describing = intelligence?.DescribeAsync(Buffer.Text, Buffer.Cursor);

    private void Ask(bool complete)
    {
        _menu = complete ? _menu : null;
        assistant.Ask(Buffer.Text, Buffer.Cursor, complete && !isCommand(Buffer.Text));
    }

    // After a letter of a name or a point, but not within a number.
    private bool CanComplete()
    {
        string text = Buffer.Text;
        int end = Buffer.Cursor, start = end;
        while (start > 0 && (char.IsLetterOrDigit(text[start - 1]) || text[start - 1] == '_'))
        {
            start--;
        }

        bool isName = start < end && !char.IsDigit(text[start]);
        bool followsPoint = start == end && end > 1 && text[end - 1] == '.' && !char.IsDigit(text[end - 2]);
        return isName || followsPoint;
    }

    private static string CleanPaste(string text) =>
        string.Concat(text.ReplaceLineEndings("\n").Where(c => c is '\n' or '\t' || !char.IsControl(c))).TrimEnd('\n');
}
