using Aperture.Measuring;
using Aperture.Models;
using Aperture.Requests;

namespace Aperture.Comparing;

/// <summary>Pipelines side by side on one question.</summary>
/// <param name="Question">The question.</param>
/// <param name="Model">Name of the model.</param>
/// <param name="MeasuredOn">Element type, device, threads and processor.</param>
/// <param name="Rows">One measurement a pipeline.</param>
public sealed record Comparison(string Question, string Model, MeasuredOn MeasuredOn, IReadOnlyList<Measurement> Rows)
{
    /// <summary>One line that says where the numbers come from.</summary>
    public string Setting => $"{Model}, {MeasuredOn}; times are medians in ms";

    /// <summary>Column heads of <see cref="Cells"/>.</summary>
    public static IReadOnlyList<string> Heads { get; } =
    [
        "pipeline", "answer", "visual tokens by layer", "mean", "GFLOPs", "of none", "FastV GFLOPs", "vision", "projector", "prefill", "of it method",
        "a token", "KV", "peak memory",
    ];

    /// <summary>The table's cells, row by row.</summary>
    public IReadOnlyList<IReadOnlyList<string>> Cells
    {
        get
        {
            long full = (Rows.FirstOrDefault(r => r.Label == "none") ?? Rows[0]).Flops.Total;
            return [.. Rows.Select(row => (IReadOnlyList<string>)
            [
                row.Label,
                row.Answer,
                Runs(row.VisualTokensByLayer),
                $"{row.MeanVisualTokens:0.0}",
                $"{row.Flops.Total / 1e9:0.000}",
                $"{100.0 * row.Flops.Total / full:0.0} %",
                $"{row.Flops.FastV / 1e9:0.000}",
                $"{row.Times.Vision:0.00}",
                $"{row.Times.Projector:0.00}",
                $"{row.Times.Prefill:0.00}",
                $"{row.Times.Method:0.00}",
                $"{row.Times.DecodePerToken:0.00}",
                Size(row.CacheBytes),
                Size(row.PeakMemory),
            ])];
        }
    }

    /// <summary>The table as plain text.</summary>
    public override string ToString()
    {
        IReadOnlyList<string>[] lines = [Heads, .. Cells];
        int[] widths = [.. Enumerable.Range(0, Heads.Count).Select(column => lines.Max(line => line[column].Length))];
        IEnumerable<string> text = lines.Select(line => string.Join("  ", line.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd());
        return $"{Question}\n{string.Join('\n', text)}\n{Setting}";
    }

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
    public static string Size(long bytes) => bytes switch
    {
        < 1 << 20 => $"{bytes / 1024.0:0.0} KB",
        < 1 << 30 => $"{bytes / 1048576.0:0.0} MB",
        _ => $"{bytes / 1073741824.0:0.00} GB",
    };
}
