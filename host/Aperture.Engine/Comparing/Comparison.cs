using Aperture.Measuring;
using Aperture.Models;
using Aperture.Requests;
using Aperture.Tables;

namespace Aperture.Comparing;

/// <summary>Pipelines side by side on one question.</summary>
/// <param name="Question">The question.</param>
/// <param name="Model">Name of the model.</param>
/// <param name="MeasuredOn">Element type, device, threads and processor.</param>
/// <param name="Rows">One measurement a pipeline.</param>
public sealed record Comparison(string Question, string Model, MeasuredOn MeasuredOn, IReadOnlyList<Measurement> Rows)
{
    // Medians that lie closer are taken as equal.
    private const double Noticeable = 1.02;

    /// <summary>Whether the table has every figure; otherwise it has those that most questions are about.</summary>
    public bool IsWide { get; init; }

    /// <summary>The same comparison with every figure in its table.</summary>
    public Comparison Wide => this with { IsWide = true };

    /// <summary>One line that says where the numbers come from.</summary>
    public string Setting => $"{Model}, {MeasuredOn}; times are medians in ms";

    /// <summary>What a reader must not overlook: pipelines that take longer to the first token than the model without methods; none is the rule.</summary>
    public IReadOnlyList<string> Notes
    {
        get
        {
            double none = Rows.FirstOrDefault(row => row.Label == "none")?.Times.FirstToken ?? double.PositiveInfinity;
            string[] slower = [.. Rows.Where(row => row.Times.FirstToken > Noticeable * none).Select(row => $"{row.Label} {row.Times.FirstToken:0.00}")];
            return slower.Length == 0 ? [] : [$"slower to the first token than none ({none:0.00} ms): {string.Join(", ", slower)}"];
        }
    }

    /// <summary>What stands below the table, line by line: notes, what figures mean, and where they come from.</summary>
    public string Caption
        => string.Join('\n', [.. Notes, $"tokens are means over layers{(IsWide ? ", peak memory is what a question adds" : "")}", Setting]);

    /// <summary>Column heads of <see cref="Cells"/>.</summary>
    public IReadOnlyList<string> Heads => [.. Columns.Select(column => column.Head)];

    /// <summary>The table's cells, row by row.</summary>
    public IReadOnlyList<IReadOnlyList<string>> Cells
        => [.. Rows.Select(row => (IReadOnlyList<string>)[.. Columns.Select(column => column.Cell(row))])];

    private IEnumerable<(string Head, Func<Measurement, string> Cell)> Columns
    {
        get
        {
            long full = (Rows.FirstOrDefault(row => row.Label == "none") ?? Rows[0]).Flops.Total;
            (string Head, bool Always, Func<Measurement, string> Cell)[] all =
            [
                ("pipeline", true, row => row.Label),
                ("answer", true, row => row.Answer),
                ("tokens", true, row => $"{row.MeanVisualTokens:0.0}"),
                ("by layer", false, row => Runs(row.VisualTokensByLayer)),
                ("FLOPs %", true, row => $"{100.0 * row.Flops.Total / full:0.0}"),
                ("GFLOPs", false, row => $"{row.Flops.Total / 1e9:0.000}"),
                ("FastV GFLOPs", false, row => $"{row.Flops.FastV / 1e9:0.000}"),
                ("vision", false, row => $"{row.Times.Vision:0.00}"),
                ("projector", false, row => $"{row.Times.Projector:0.00}"),
                ("prefill", true, row => $"{row.Times.Prefill:0.00}"),
                ("method hooks", false, row => $"{row.Times.Method:0.00}"),
                ("per token", true, row => $"{row.Times.DecodePerToken:0.00}"),
                ("KV", true, row => Size(row.CacheBytes)),
                ("peak memory", false, row => row.PeakMemory is { } bytes ? Size(bytes) : "–"),
            ];
            return all.Where(column => IsWide || column.Always).Select(column => (column.Head, column.Cell));
        }
    }

    /// <summary>The table as plain text.</summary>
    public override string ToString() => TableLayout.Text(TableLayout.Lines(Heads, Cells, TableLayout.PlainWidth, Question, Caption));

    /// <summary>Equal neighbours in short: <c>144×2 98 61×5</c>.</summary>
    /// <param name="counts">The counts.</param>
    public static string Runs(IReadOnlyList<int> counts)
    {
        List<string> parts = [];
        for (int i = 0; i < counts.Count;)
        {
            int end = i;
            while (end < counts.Count && counts[end] == counts[i])
            {
                end++;
            }

            parts.Add(end - i == 1 ? $"{counts[i]}" : $"{counts[i]}×{end - i}");
            i = end;
        }

        return string.Join(' ', parts);
    }

    /// <summary>Bytes in a unit that reads well.</summary>
    /// <param name="bytes">Bytes.</param>
    public static string Size(long bytes) => ByteSize.Text(bytes);
}
