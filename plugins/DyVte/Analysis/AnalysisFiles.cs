using System.Globalization;
using System.Text;
using Aperture.Files;
using Aperture.Measuring;

namespace Aperture.Plugins.DyVte.Analysis;

/// <summary>Writes a report as JSON and as tables.</summary>
internal static class AnalysisFiles
{
    /// <summary>
    /// Writes <c>analysis.json</c>, <c>metrics.csv</c> and, where exits were swept, <c>exits.csv</c> and <c>samples.csv</c>, each replaced in one step.
    /// </summary>
    /// <param name="folder">The folder; created if absent.</param>
    /// <param name="report">The report.</param>
    /// <returns>Full paths of the files.</returns>
    public static IReadOnlyList<string> Write(string folder, AnalysisReport report)
    {
        Directory.CreateDirectory(folder);
        List<string> written = [Save("analysis.json", AnalysisJson.Of(report)), Save("metrics.csv", Metrics(report))];
        if (report.Sweep is { } sweep)
        {
            written.Add(Save("exits.csv", Exits(sweep)));
            written.Add(Save("samples.csv", Samples(sweep)));
        }

        return written;

        string Save(string name, string content)
        {
            string path = Path.GetFullPath(Path.Combine(folder, name));
            AtomicFile.Write(path, Encoding.UTF8.GetBytes(content));
            return path;
        }
    }

    private static string Metrics(AnalysisReport report)
        => Table("metric,layer,column,mean,std", report.Metrics.SelectMany(metric => Enumerable.Range(0, report.Layers).SelectMany(layer =>
            metric.Columns.Select((column, i) => $"{metric.Name},{layer},{column},{Number(metric.Mean[layer][i])},{Number(metric.Deviation[layer][i])}"))));

    private static string Exits(ExitSweep sweep)
    {
        (double[] agreement, double[] same, double[] ratio, double[] acceptable, double[]? accuracy, int[] stable) =
            (sweep.Agreement, sweep.SameAnswer, sweep.CrossEntropyRatio, sweep.Acceptable, sweep.Accuracy, sweep.StableHistogram);
        return Table("layer,agreement,sameAnswer,crossEntropyRatio,acceptable,accuracy,stableFrom", sweep.Layers.Select((layer, i) =>
            $"{layer},{Number(agreement[i])},{Number(same[i])},{Number(ratio[i])},{Number(acceptable[i])},{Number(accuracy?[i] ?? double.NaN)},{stable[i]}"));
    }

    private static string Samples(ExitSweep sweep)
        => Table(
            "question,type,answer,stableFrom",
            sweep.Samples.Select(sample => $"{Quoted(sample.Id)},{Quoted(sample.Type)},{Quoted(sample.Answer)},{sample.StableFrom}"));

    private static string Table(string head, IEnumerable<string> lines) => string.Join('\n', lines.Prepend(head)) + '\n';

    private static string Number(double value) => double.IsFinite(value) ? value.ToString("G6", CultureInfo.InvariantCulture) : "";

    private static string Quoted(string text) => text.AsSpan().IndexOfAny(",\"\n\r") < 0 ? text : $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}
