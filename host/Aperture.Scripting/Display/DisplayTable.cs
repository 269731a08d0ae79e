using System.Net;
using System.Text;
using Aperture.Tables;

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

    /// <summary>The table laid out for a width (<see cref="TableLayout"/>).</summary>
    /// <param name="width">The columns that there are.</param>
    public IReadOnlyList<TableLine> Lines(int width) => TableLayout.Lines(Heads, Rows, width, Title, Caption);

    /// <summary>The table as plain text.</summary>
    /// <param name="width">The columns that there are.</param>
    public string ToString(int width) => TableLayout.Text(Lines(width));

    /// <summary>The table as plain text, at most <see cref="TableLayout.PlainWidth"/> columns wide.</summary>
    public override string ToString() => ToString(TableLayout.PlainWidth);

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
