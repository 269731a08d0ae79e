using System.Globalization;

namespace Aperture.Host.Repl;

/// <summary>The text being edited, of one or more lines, with its cursor, undo and the last text that was cut.</summary>
internal sealed class LineBuffer
{
    private readonly Stack<(string Text, int Cursor)> _undo = new();
    private readonly Stack<(string Text, int Cursor)> _redo = new();
    private bool _typing;

    public string Text { get; private set; } = "";

    /// <summary>0 to the text's length.</summary>
    public int Cursor { get; private set; }

    /// <summary>What the last cut took away.</summary>
    public string Cut { get; private set; } = "";

    /// <summary>Start of the line that the cursor is in.</summary>
    public int LineStart => Cursor == 0 ? 0 : Text.LastIndexOf('\n', Cursor - 1) + 1;

    /// <summary>End of the line that the cursor is in, before its line feed.</summary>
    public int LineEnd => Text.IndexOf('\n', Cursor) is >= 0 and int end ? end : Text.Length;

    public void Insert(string text)
    {
        // Typed characters are undone word by word, not one by one.
        if (!_typing || text.Length > 1 || char.IsWhiteSpace(text[0]))
        {
            Remember();
        }

        _typing = text.Length == 1;
        Put(Text.Insert(Cursor, text), Cursor + text.Length);
    }

    public void Replace(int start, int length, string text)
    {
        Remember();
        Put(Text.Remove(start, length).Insert(start, text), start + text.Length);
    }

    public void SetText(string text)
    {
        Remember();
        Put(text, text.Length);
    }

    /// <summary>Starts over with a text: nothing can be undone.</summary>
    public void Reset(string text = "")
    {
        _undo.Clear();
        _redo.Clear();
        _typing = false;
        Put(text, text.Length);
    }

    public void MoveTo(int position)
    {
        _typing = false;
        Cursor = AtCharacter(Math.Clamp(position, 0, Text.Length));
    }

    public void DeleteBack() => Remove(Previous(Cursor), Cursor);

    public void DeleteForward() => Remove(Cursor, Next(Cursor));

    public void MoveLeft() => MoveTo(Previous(Cursor));

    public void MoveRight() => MoveTo(Next(Cursor));

    public void MoveWordLeft() => MoveTo(WordLeft());

    public void MoveWordRight() => MoveTo(WordRight());

    public void CutWordLeft() => CutRange(WordLeft(), Cursor);

    public void CutWordRight() => CutRange(Cursor, WordRight());

    public void CutToLineStart() => CutRange(LineStart, Cursor);

    public void CutToLineEnd() => CutRange(Cursor, LineEnd == Cursor ? Next(Cursor) : LineEnd);

    /// <summary>Moves to the line above, as far right as now; false in the first line.</summary>
    public bool MoveUp()
    {
        int start = LineStart;
        if (start == 0)
        {
            return false;
        }

        int above = start == 1 ? 0 : Text.LastIndexOf('\n', start - 2) + 1;
        MoveTo(Math.Min(above + Cursor - start, start - 1));
        return true;
    }

    /// <summary>Moves to the line below, as far right as now; false in the last line.</summary>
    public bool MoveDown()
    {
        int end = LineEnd;
        if (end == Text.Length)
        {
            return false;
        }

        int column = Cursor - LineStart, below = end + 1;
        int belowEnd = Text.IndexOf('\n', below) is >= 0 and int next ? next : Text.Length;
        MoveTo(Math.Min(below + column, belowEnd));
        return true;
    }

    public void Undo() => Swap(_undo, _redo);

    public void Redo() => Swap(_redo, _undo);

    private void CutRange(int start, int end)
    {
        if (start < end)
        {
            Cut = Text[start..end];
            Remove(start, end);
        }
    }

    private void Remove(int start, int end)
    {
        if (start < end)
        {
            Remember();
            Put(Text.Remove(start, end - start), start);
        }
    }

    private void Put(string text, int cursor) => (Text, Cursor) = (text, cursor);

    private void Remember()
    {
        _undo.Push((Text, Cursor));
        _redo.Clear();
        _typing = false;
    }

    private void Swap(Stack<(string Text, int Cursor)> from, Stack<(string Text, int Cursor)> to)
    {
        if (from.TryPop(out (string Text, int Cursor) state))
        {
            to.Push((Text, Cursor));
            _typing = false;
            (Text, Cursor) = state;
        }
    }

    // By what a reader takes for one character: a letter with its accents, an emoji with its parts.
    private int Next(int position) => position >= Text.Length ? Text.Length : position + StringInfo.GetNextTextElementLength(Text.AsSpan(position));

    // The start of the character that a position lies in.
    private int AtCharacter(int position)
    {
        int at = position == 0 ? 0 : Text.LastIndexOf('\n', position - 1) + 1;
        while (at < position && Next(at) <= position)
        {
            at = Next(at);
        }

        return at;
    }

    private int Previous(int position)
    {
        int line = position == 0 ? 0 : Text.LastIndexOf('\n', position - 1) + 1, at = line == position ? Math.Max(0, position - 1) : line;
        while (Next(at) < position)
        {
            at = Next(at);
        }

        return at;
    }

    private int WordLeft()
    {
        int position = Cursor;
        while (position > 0 && !IsWord(Text[position - 1]))
        {
            position--;
        }

        while (position > 0 && IsWord(Text[position - 1]))
        {
            position--;
        }

        return position;
    }

    private int WordRight()
    {
        int position = Cursor;
        while (position < Text.Length && !IsWord(Text[position]))
        {
            position++;
        }

        while (position < Text.Length && IsWord(Text[position]))
        {
            position++;
        }

        return position;
    }

    private static bool IsWord(char c) => char.IsLetterOrDigit(c) || c == '_';
}
