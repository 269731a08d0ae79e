using System.Text;

namespace Aperture.Scripting.Tests.Repl;

/// <summary>The part of a terminal that the editor relies on: rows, cursor moves, erasing; colours are passed over.</summary>
internal sealed class ScreenRows(int height)
{
    private readonly List<StringBuilder> _rows = [new StringBuilder()];
    private int _row;
    private int _column;

    /// <summary>The rows with text, without trailing blanks.</summary>
    public IReadOnlyList<string> Rows => [.. _rows.Select(r => r.ToString().TrimEnd()).Reverse().SkipWhile(r => r.Length == 0).Reverse()];

    public (int Row, int Column) Cursor => (_row, _column);

    public void Write(string text)
    {
        for (int i = 0; i < text.Length; i++)
        {
            switch (text[i])
            {
                case '\r':
                    _column = 0;
                    break;
                case '\n':
                    _row++;
                    while (_rows.Count <= _row)
                    {
                        _rows.Add(new StringBuilder());
                    }

                    break;
                case '\x1b':
                    i = Escape(text, i);
                    break;
                default:
                    Put(text[i]);
                    break;
            }
        }
    }

    private int Escape(string text, int start)
    {
        int end = start + 2;
        while (text[end] is < '@' or > '~')
        {
            end++;
        }

        string parameters = text[(start + 2)..end];
        int count = int.TryParse(parameters, out int n) ? n : 1;
        switch (text[end])
        {
            case 'A':
                Assert.True(_row - count >= Math.Max(0, _rows.Count - height), "The cursor was moved above the screen.");
                _row -= count;
                break;
            case 'C':
                _column += count;
                break;
            case 'K':
                Erase(_rows[_row], _column);
                break;
            case 'J':
                Erase(_rows[_row], _column);
                _rows.RemoveRange(_row + 1, _rows.Count - _row - 1);
                break;
        }

        return end;
    }

    private void Put(char c)
    {
        StringBuilder row = _rows[_row];
        row.Append(' ', Math.Max(0, _column + 1 - row.Length));
        row[_column++] = c;
    }

    private static void Erase(StringBuilder row, int from) => row.Length = Math.Min(row.Length, from);
}
