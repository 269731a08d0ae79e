using System.Text;
using Aperture.Measuring;
using Aperture.Scripting;
using Aperture.Tables;

namespace Aperture.Host.Repl;

/// <summary>
/// Draws the prompt, the text and what hangs below it (menu, signature), over what it drew before. Rows are broken here, not by the terminal, so that the
/// cursor's place is known; what is higher than the terminal is shown as the part around the cursor.
/// </summary>
internal sealed class EditorScreen(IEditorTerminal terminal, Theme theme)
{
    private const int TabWidth = 4;
    private int _cursorRow; // Of the terminal's cursor, counted from the first row drawn.

    /// <summary>Draws everything anew.</summary>
    /// <param name="prompt">Stands before the first line.</param>
    /// <param name="text">The text.</param>
    /// <param name="cursor">Where the cursor is in it.</param>
    /// <param name="colours">Its colours.</param>
    /// <param name="below">Rows below the text, with escape sequences of their own; those too long are cut by their maker.</param>
    public void Draw(string prompt, string text, int cursor, IReadOnlyList<CodeSpan> colours, IReadOnlyList<string> below)
    {
        (List<string> rows, int row, int column) = Break(prompt, text, cursor, colours);
        int most = Math.Max(1, terminal.Height - 1);
        int belowShown = Math.Min(below.Count, most - 1);
        int shown = Math.Min(rows.Count, most - belowShown);
        int first = Math.Clamp(row - shown + 1, 0, rows.Count - shown);
        string[] drawn = [.. rows.Skip(first).Take(shown), .. below.Take(belowShown)];

        StringBuilder output = new StringBuilder("\x1b[?25l").Append(ToTop());
        output.AppendJoin("\r\n", drawn.Select(line => $"\r\x1b[K{line}{theme.Reset}")).Append("\x1b[J");
        _cursorRow = row - first;
        Up(output, drawn.Length - 1 - _cursorRow);
        output.Append('\r');
        if (column > 0)
        {
            output.Append($"\x1b[{column}C");
        }

        terminal.Write(output.Append("\x1b[?25h").ToString());
    }

    /// <summary>Leaves what is drawn standing and goes to a new row below it.</summary>
    public void Finish()
    {
        terminal.Write("\r\n");
        _cursorRow = 0;
    }

    /// <summary>Clears the terminal.</summary>
    public void Clear()
    {
        terminal.Write("\x1b[H\x1b[2J");
        _cursorRow = 0;
    }

    private string ToTop()
    {
        StringBuilder output = new StringBuilder();
        Up(output, _cursorRow);
        return output.Append('\r').ToString();
    }

    private static void Up(StringBuilder output, int rows)
    {
        if (rows > 0)
        {
            output.Append($"\x1b[{rows}A");
        }
    }

    private (List<string> Rows, int Row, int Column) Break(string prompt, string text, int cursor, IReadOnlyList<CodeSpan> colours)
    {
        int width = terminal.Width, indent = TextWidth.Of(prompt);
        List<string> rows = [];
        StringBuilder line = new StringBuilder(theme.Prompt + prompt + theme.Reset);
        int column = indent, cursorRow = 0, cursorColumn = indent, span = 0;
        string style = "";
        void NewRow(string start)
        {
            rows.Add(line.ToString());
            line.Clear().Append(theme.Dim).Append(start.PadRight(indent)).Append(theme.Reset).Append(style);
            column = indent;
        }

        for (int i = 0; i <= text.Length;)
        {
            if (i == cursor)
            {
                (cursorRow, cursorColumn) = (rows.Count, column);
            }

            if (i == text.Length)
            {
                break;
            }

            Rune.DecodeFromUtf16(text.AsSpan(i), out Rune rune, out int length);
            string wanted = ColourAt(colours, i, ref span);
            if (wanted != style)
            {
                line.Append(theme.Reset).Append(wanted);
                style = wanted;
            }

            i += length;
            if (rune.Value == '\n')
            {
                NewRow("·");
                continue;
            }

            string shown = rune.Value == '\t' ? new string(' ', TabWidth) : rune.Value < ' ' ? "?" : rune.ToString();
            int columns = rune.Value == '\t' ? TabWidth : rune.Value < ' ' ? 1 : TextWidth.Of(rune);
            line.Append(shown);
            column += columns;
            if (column >= width - 1)
            {
                NewRow("");
            }
        }

        rows.Add(line.ToString());
        return (rows, cursorRow, cursorColumn);
    }

    private string ColourAt(IReadOnlyList<CodeSpan> colours, int position, ref int span)
    {
        while (span < colours.Count && colours[span].Start + colours[span].Length <= position)
        {
            span++;
        }

        return span < colours.Count && colours[span].Start <= position ? theme.Of(colours[span].Kind) : "";
    }
}
