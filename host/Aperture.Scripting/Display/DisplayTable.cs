using System.Net;
using System.Text;
using Aperture.Tasks;

namespace Aperture.Scripting;

/// <summary>A table to show.</summary>
/// <param name="Heads">Column heads.</param>
/// <param name="Rows">Cells, row by row; each row as long as <paramref name="Heads"/>.</param>
public sealed record DisplayTable(IReadOnlyList<string> Heads, IReadOnlyList<IReadOnlyList<string>> Rows)
{
    /// <summary>Stands above the table; empty for none.</summary>
    public string Title { get; init; } = "";

    /// <summary>Stands below the table; empty for none.</summary>
    public string Caption { get; init; } = "";

    /// <summary>The table as an HTML fragment.</summary>
    public string ToHtml()
    {
        StringBuilder html = new("<table>");
        if (Title.Length > 0)
        {
            html.Append("<caption>").Append(Encode(Title)).Append("</caption>");
        }

        html.Append("<thead>");
        AppendRow(html, "th", Heads);
        html.Append("</thead><tbody>");
        foreach (IReadOnlyList<string> row in Rows)
        {
            AppendRow(html, "td", row);
        }

        html.Append("</tbody></table>");
        return Caption.Length > 0 ? html.Append("<p>").Append(Encode(Caption)).Append("</p>").ToString() : html.ToString();
    }

    /// <summary>The table as text in columns.</summary>
    public override string ToString()
    {
        IReadOnlyList<string>[] lines = [Heads, .. Rows];
        int[] widths = [.. Enumerable.Range(0, Heads.Count).Select(column => lines.Max(line => line[column].Length))];
        IEnumerable<string> text = lines.Select(line => string.Join("  ", line.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd());
        return string.Join('\n', new[] { Title }.Concat(text).Append(Caption).Where(line => line.Length > 0));
    }

    private static void AppendRow(StringBuilder html, string cell, IReadOnlyList<string> texts)
    {
        html.Append("<tr>");
        foreach (string text in texts)
        {
            html.Append('<').Append(cell).Append('>').Append(Encode(text)).Append("</").Append(cell).Append('>');
        }

        html.Append("</tr>");
    }

    private static string Encode(string text) => WebUtility.HtmlEncode(text).ReplaceLineEndings("<br>");
}
