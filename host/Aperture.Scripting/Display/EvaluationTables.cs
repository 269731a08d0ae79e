using Aperture.Comparing;
using Aperture.Evaluation;
using Aperture.Tables;

namespace Aperture.Scripting;

/// <summary>An evaluation as two tables: scores by kind of question, and what each pipeline cost.</summary>
public static class EvaluationTables
{
    private const string All = "all", Difference = "difference", P = "p", None = "–";

    /// <summary>
    /// The scores: kinds of question in rows and pipelines in columns, or, where these are more than the width has room for, a row for every kind and pipeline.
    /// </summary>
    /// <param name="result">The evaluation.</param>
    /// <param name="width">Columns that the place has.</param>
    public static DisplayTable Scores(EvaluationResult result, int width)
    {
        IReadOnlyList<EvaluationReport> reports = result.Reports;
        (string Head, Func<EvaluationReport, string> Cell)[] lines = [.. Lines(reports)];
        DisplayTable columns = new(
            ["questions", .. reports.Select(report => report.Label)],
            [.. lines.Select(line => (IReadOnlyList<string>)[line.Head, .. reports.Select(line.Cell)])])
        {
            Caption = Caption(result),
        };
        return Width(columns) <= width ? columns : columns with
        {
            Heads = ["questions", "pipeline", "score", .. reports.Count == 1 ? Array.Empty<string>() : [Difference, P]],
            Rows =
            [
                .. from line in lines
                   where line.Head is not Difference and not P
                   from report in reports
                   select Row(line, report, reports.Count),
            ],
        };
    }

    /// <summary>What the pipelines cost: one a row.</summary>
    /// <param name="result">The evaluation.</param>
    public static DisplayTable Costs(EvaluationResult result) => new(
        ["pipeline", "tokens", "GFLOPs", "FLOPs %", "prefill", "per token", "KV"],
        [
            .. result.Reports.Select(report => (IReadOnlyList<string>)
            [
                report.Label,
                $"{report.MeanVisualTokens:0.0}",
                $"{report.MeanFlops / 1e9:0.000}",
                $"{100 * report.MeanFlops / result.Beside(report).MeanFlops:0.0}",
                $"{report.PrefillMs:0.00}",
                report.DecodeMs > 0 ? $"{report.DecodeMs:0.00}" : None,
                Comparison.Size((long)report.MeanCacheBytes),
            ]),
        ])
    {
        Caption = string.Join('\n', [.. result.Notes, .. Budgets(result), "tokens are means over layers and questions", .. Settings(result)]),
    };

    /// <summary>Both tables, as text and as HTML.</summary>
    /// <param name="result">The evaluation.</param>
    internal static DisplayForm Describe(EvaluationResult result)
    {
        DisplayTable[] tables = [Scores(result, TableLayout.PlainWidth), Costs(result)];
        return new DisplayForm(string.Join("\n\n", tables.Select(table => table.ToString()))) { Html = string.Concat(tables.Select(table => table.ToHtml())) };
    }

    private static IEnumerable<(string Head, Func<EvaluationReport, string> Cell)> Lines(IReadOnlyList<EvaluationReport> reports)
    {
        yield return ($"{All} ({reports[0].Results.Count})", report => $"{100 * report.Accuracy:0.0} ± {100 * report.HalfWidth:0.0} %");
        if (reports.Count > 1)
        {
            yield return (Difference, report => report.Against?.Points ?? None);
            yield return (P, report => report.Against?.Probability ?? None);
        }

        IReadOnlyList<(string Type, double Right, int Count)> kinds = reports[0].ByType;
        for (int i = 0; i < kinds.Count && kinds is not [{ Type: "" }]; i++)
        {
            (int kind, string type) = (i, kinds[i].Type.Length == 0 ? "untyped" : kinds[i].Type);
            yield return ($"{type} ({kinds[i].Count})", report => $"{100 * report.ByType[kind].Right / report.ByType[kind].Count:0.0} %");
        }

        for (int i = 0; i < reports[0].Figures.Count; i++)
        {
            int figure = i;
            yield return (reports[0].Figures[i].Name, report => $"{100 * report.Figures[figure].Value:0.0} %");
        }
    }

    private static IReadOnlyList<string> Row((string Head, Func<EvaluationReport, string> Cell) line, EvaluationReport report, int count)
    {
        bool isAll = line.Head.StartsWith($"{All} (", StringComparison.Ordinal);
        string[] test = count == 1 ? [] : isAll ? [report.Against?.Points ?? None, report.Against?.Probability ?? None] : ["", ""];
        return [line.Head, report.Label, line.Cell(report), .. test];
    }

    private static string Caption(EvaluationResult result)
    {
        string scored = $"scored by {result.Scoring}; ± is half a 95 % interval";
        return result.Reports.Count == 1 ? scored
            : $"{scored}; difference from {result.Reports[0].Label} in percentage points, paired by question; p two-sided, {result.Reports[1].Against!.Test}";
    }

    private static IEnumerable<string> Budgets(EvaluationResult result)
        => result.Reports.Where(report => report.BudgetOf.Count > 0)
            .GroupBy(report => string.Join(" and ", report.BudgetOf))
            .Select(same => $"at most the FLOPs of {same.Key}: {string.Join(", ", same.Select(report => report.Label))}");

    private static IEnumerable<string> Settings(EvaluationResult result)
        => result.Reports.Select(report => $"{report.Model}, {report.MeasuredOn}; times are medians in ms").Distinct();

    private static int Width(DisplayTable table)
        => table.Heads.Select((head, column) => table.Rows.Select(row => TextWidth.Of(row[column])).Append(TextWidth.Of(head)).Max()).Sum()
            + (TableColumns.Gap * (table.Heads.Count - 1));
}
