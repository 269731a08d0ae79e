using Aperture.Measuring;
using Spectre.Console;

namespace Aperture.Host;

/// <summary>Shows a comparison as a table.</summary>
internal static class ComparisonTable
{
    public static void Write(Terminal terminal, Comparison comparison)
    {
        Table table = new() { Title = new TableTitle(Markup.Escape(comparison.Question)), Caption = new TableTitle(Markup.Escape(comparison.Setting)) };
        foreach (string head in Comparison.Heads)
        {
            table.AddColumn(new TableColumn(Markup.Escape(head)));
        }

        foreach (IReadOnlyList<string> row in comparison.Cells)
        {
            table.AddRow([.. row.Select(Markup.Escape)]);
        }

        terminal.Rich.Write(table);
    }
}
