using System.Globalization;
using Aperture.Measuring;

namespace Aperture.Plugins.DyVte.Analysis;

/// <summary>A report as the table that the command shows: a row a layer.</summary>
internal static class AnalysisTable
{
    /// <summary>The table.</summary>
    /// <param name="report">The report.</param>
    public static CommandTable Of(AnalysisReport report)
    {
        double[]? same = report.Sweep?.SameAnswer, acceptable = report.Sweep?.Acceptable, accuracy = report.Sweep?.Accuracy;
        string[] heads =
        [
            "layer", "text on image", "last row on image", "image on image", "entropy of text", "change of image", "change of text",
            .. same is null ? Array.Empty<string>() : ["same answer", "exit right"],
            .. accuracy is null ? Array.Empty<string>() : ["accuracy"],
        ];
        return new CommandTable(heads, [.. Enumerable.Range(0, report.Layers).Select(layer => Row(report, layer, [same, acceptable, accuracy]))]);
    }

    private static string[] Row(AnalysisReport report, int layer, double[]?[] exits)
    {
        double Value(string metric, string column) => report.Metric(metric).Column(column)[layer];
        int at = report.Sweep?.Layers.ToList().IndexOf(layer) ?? -1;
        return
        [
            $"{layer}",
            Percent(Value("mass", "X>V")), Percent(Value("mass", "a>V")), Percent(Value("mass", "V>V")),
            Number(Value("entropy", "X")), Number(Value("updateNorm", "V")), Number(Value("updateNorm", "X")),
            .. exits.OfType<double[]>().Select(values => at < 0 ? "" : Percent(values[at])),
        ];
    }

    private static string Percent(double share) => string.Create(CultureInfo.InvariantCulture, $"{100 * share:0.0} %");

    private static string Number(double value) => value.ToString("0.00", CultureInfo.InvariantCulture);
}
