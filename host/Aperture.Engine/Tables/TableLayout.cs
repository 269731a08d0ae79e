using System.Text;

namespace Aperture.Tables;

/// <summary>
/// Lays a table out for a width. Columns are as wide as what they hold; where that does not do, text is broken between words; where even that does not do,
/// each row becomes a block with a line for each head and its value. A word is never broken.
/// </summary>
public static class TableLayout
{
    /// <summary>The width where nobody tells one: in files, pipes and plain text.</summary>
    public const int PlainWidth = 120;

    private const int LeastWidth = 20;

    /// <summary>The table as lines.</summary>
    /// <param name="heads">Column heads.</param>
    /// <param name="rows">Cells, row by row; each row as long as <paramref name="heads"/>. A cell may have several lines.</param>
    /// <param name="width">The columns that there are; under 20 counts as 20.</param>
    /// <param name="title">Stands above; empty for none.</param>
    /// <param name="caption">Stands below; empty for none.</param>
    /// <exception cref="ArgumentException">A row is not as long as the heads.</exception>
    public static IReadOnlyList<TableLine> Lines(
        IReadOnlyList<string> heads, IReadOnlyList<IReadOnlyList<string>> rows, int width, string title = "", string caption = "")
    {
        if (rows.FirstOrDefault(row => row.Count != heads.Count) is { } odd)
        {
            throw new ArgumentException($"A row of the table has {odd.Count} cells but there are {heads.Count} heads.", nameof(rows));
        }

        width = Math.Max(width, LeastWidth);
        heads = [.. heads.Select(WordWrap.Clean)];
        TableColumns? columns = heads.Count == 0 ? null : TableColumns.Fit(heads, rows, width);
        TableLine[] body = [.. heads.Count == 0 ? [] : columns is null ? InBlocks(heads, rows, width) : InColumns(heads, rows, columns)];

        // Where rows stand apart, title and caption do too.
        TableLine[] apart = columns is null || body.Any(line => line.Spans.Count == 0) ? [new TableLine()] : [];
        return
        [
            .. title.Length == 0 ? [] : Paragraph(TableRole.Title, title, width).Concat(apart),
            .. body,
            .. caption.Length == 0 ? [] : apart.Concat(Paragraph(TableRole.Caption, caption, width)),
        ];
    }

    /// <summary>Lines as plain text.</summary>
    /// <param name="lines">The lines.</param>
    public static string Text(IReadOnlyList<TableLine> lines) => string.Join('\n', lines.Select(line => line.Text));

    /// <summary>Text broken between words, for a width. A word is never broken.</summary>
    /// <param name="text">The text, perhaps of several lines.</param>
    /// <param name="width">The columns that there are.</param>
    public static string Wrap(string text, int width) => string.Join('\n', WordWrap.Lines(text, width));

    private static IEnumerable<TableLine> Paragraph(TableRole role, string text, int width)
        => WordWrap.Lines(text, width).Select(line => new TableLine(role, line));

    private static IEnumerable<TableLine> InColumns(IReadOnlyList<string> heads, IReadOnlyList<IReadOnlyList<string>> rows, TableColumns columns)
    {
        foreach (string line in Row(heads, columns, atBottom: true))
        {
            yield return new TableLine(TableRole.Head, line);
        }

        yield return new TableLine(TableRole.Rule, string.Join(new string(' ', TableColumns.Gap), columns.Widths.Select(width => new string('─', width))));
        bool apart = rows.Any(row => WordWrap.Lines(row[0], columns.Widths[0]).Count > 1);
        for (int row = 0; row < rows.Count; row++)
        {
            if (apart && row > 0)
            {
                yield return new TableLine();
            }

            foreach (string line in Row(rows[row], columns, atBottom: false))
            {
                yield return new TableLine(TableRole.Cell, line);
            }
        }
    }

    private static IEnumerable<string> Row(IReadOnlyList<string> cells, TableColumns columns, bool atBottom)
    {
        IReadOnlyList<string>[] broken = [.. cells.Select((cell, column) => WordWrap.Lines(cell, columns.Widths[column]))];
        int height = broken.Max(lines => lines.Count);
        StringBuilder text = new();
        for (int line = 0; line < height; line++)
        {
            text.Clear();
            for (int column = 0; column < broken.Length; column++)
            {
                int own = atBottom ? line - height + broken[column].Count : line;
                string piece = own >= 0 && own < broken[column].Count ? broken[column][own] : "";
                text.Append(' ', column == 0 ? 0 : TableColumns.Gap).Append(TextWidth.Pad(piece, columns.Widths[column], columns.Numeric[column]));
            }

            yield return text.ToString().TrimEnd();
        }
    }

    // A row whose first cell is empty belongs to the one above.
    private static IEnumerable<TableLine> InBlocks(IReadOnlyList<string> heads, IReadOnlyList<IReadOnlyList<string>> rows, int width)
    {
        int indent = heads.Max(TextWidth.Of) + TableColumns.Gap;
        bool beside = indent + rows.SelectMany(row => row).Select(WordWrap.LongestWord).DefaultIfEmpty(0).Max() <= width && indent <= width / 2;
        for (int row = 0; row < rows.Count; row++)
        {
            if (row > 0 && rows[row][0].Length > 0)
            {
                yield return new TableLine();
            }

            foreach (int column in Enumerable.Range(0, heads.Count).Where(column => rows[row][column].Length > 0))
            {
                foreach (TableLine line in beside ? Beside(heads[column], rows[row][column], indent, width) : Below(heads[column], rows[row][column], width))
                {
                    yield return line;
                }
            }
        }
    }

    private static IEnumerable<TableLine> Beside(string head, string cell, int indent, int width)
        => WordWrap.Lines(cell, width - indent).Select((line, index) => new TableLine(
            new TableSpan(TableRole.Head, TextWidth.Pad(index == 0 ? head : "", indent, right: false)), new TableSpan(TableRole.Cell, line)));

    private static IEnumerable<TableLine> Below(string head, string cell, int width)
    {
        string indent = new(' ', TableColumns.Gap);
        return
        [
            new TableLine(TableRole.Head, head),
            .. WordWrap.Lines(cell, width - TableColumns.Gap).Select(line => new TableLine(TableRole.Cell, indent + line)),
        ];
    }
}
