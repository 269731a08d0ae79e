using Aperture.Analysis;
using ScottPlot;

namespace Aperture.Scripting;

/// <summary>
/// Draws a report: attention shares with the stages, entropies with and without an exit, updates of rows, and what each exit does to the answers.
/// </summary>
public static class AnalysisPlots
{
    /// <summary>Draws the plots into PNG files, each replaced in one step.</summary>
    /// <param name="folder">The folder; created if absent.</param>
    /// <param name="report">The report.</param>
    /// <returns>Full paths of the files.</returns>
    public static IReadOnlyList<string> Save(string folder, AnalysisReport report)
    {
        Directory.CreateDirectory(folder);
        List<string> written =
        [
            PlotFile.Save(Path.Combine(folder, "attention.png"), plot => Attention(plot, report), null),
            PlotFile.Save(Path.Combine(folder, "entropy.png"), plot => Entropy(plot, report), null),
            PlotFile.Save(Path.Combine(folder, "updates.png"), plot => Updates(plot, report), null),
        ];
        if (report.Sweep is { } sweep)
        {
            written.Add(PlotFile.Save(Path.Combine(folder, "exits.png"), plot => Exits(plot, report, sweep), null));
        }

        if (report.Pipelines.Count > 0)
        {
            written.Add(PlotFile.Save(Path.Combine(folder, "pipelines.png"), plot => Pipelines(plot, report), null));
        }

        return written;
    }

    private static void Attention(Plot plot, AnalysisReport report)
    {
        MetricSeries mass = report.Metric("mass");
        Line(plot, mass.Column("X>V"), "text on image", scale: 100);
        Line(plot, mass.Column("a>V"), "last row on image", scale: 100);
        Line(plot, mass.Column("V>V"), "image on image", scale: 100);
        Line(plot, mass.Column("X>X"), "text on text behind the image", scale: 100);
        Line(plot, mass.Column("X>S"), "text on prefix", scale: 100);
        Mark(plot, report.Stages.FusionEnd, "fusion ends", LinePattern.Dashed);
        Mark(plot, report.Stages.ReasoningStart, "reasoning begins", LinePattern.Dotted);
        Mark(plot, report.Stages.SuggestedExit, "suggested exit", LinePattern.Solid);
        Label(plot, $"Where attention goes: {report.Model}, {report.Samples} questions", "share of attention, %", report.Layers);
    }

    private static void Entropy(Plot plot, AnalysisReport report)
    {
        MetricSeries whole = report.Metric("entropy"), exit = report.Metric("entropyWithExit");
        Line(plot, whole.Column("X"), "text rows, whole");
        Line(plot, exit.Column("X"), $"text rows, exit after layer {report.ComparedExit}", LinePattern.Dashed);
        Line(plot, whole.Column("a"), "last row, whole");
        Line(plot, exit.Column("a"), $"last row, exit after layer {report.ComparedExit}", LinePattern.Dashed);
        Mark(plot, report.ComparedExit, "exit", LinePattern.Solid);
        Label(plot, $"Entropy of text on text: {report.Model}, {report.Samples} questions", "entropy, nats", report.Layers);
    }

    private static void Updates(Plot plot, AnalysisReport report)
    {
        Line(plot, report.Metric("updateNorm").Column("V"), "change of image rows");
        Line(plot, report.Metric("updateNorm").Column("X"), "change of text rows");
        Line(plot, report.Metric("cosine").Column("V"), "cosine of image rows", LinePattern.Dashed);
        Line(plot, report.Metric("cosine").Column("X"), "cosine of text rows", LinePattern.Dashed);
        Label(
            plot, $"How much a layer changes its rows: {report.Model}, {report.Samples} questions",
            "|out - in| / |in|, and cosine of in and out", report.Layers);
    }

    private static void Exits(Plot plot, AnalysisReport report, ExitSweep sweep)
    {
        double[] layers = [.. sweep.Layers.Select(layer => (double)layer)];
        var stable = plot.Add.Bars(layers, sweep.StableHistogram.Select(count => 100.0 * count / sweep.Samples.Count).ToArray());
        stable.LegendText = "stable from this exit on";
        stable.Color = Colors.LightGray;
        Line(plot, sweep.SameAnswer, "same answer", scale: 100, at: layers);
        Line(plot, sweep.Agreement, "same tokens", scale: 100, at: layers);
        Line(plot, sweep.Acceptable, "exit right by the training's rule", LinePattern.Dashed, 100, layers);
        if (sweep.Accuracy is { } accuracy)
        {
            Line(plot, accuracy, "right answers", LinePattern.Solid, 100, layers);
        }

        Label(
            plot, $"Without image rows behind a layer: {report.Model}, {sweep.Samples.Count} questions",
            "share of questions, %", report.Layers, "exit after layer");
    }

    private static void Pipelines(Plot plot, AnalysisReport report)
    {
        double[] counts = [.. Enumerable.Range(0, report.Layers + 1).Select(count => (double)count)];
        double width = 0.8 / report.Pipelines.Count;
        for (int i = 0; i < report.Pipelines.Count; i++)
        {
            ExecutedLayers pipeline = report.Pipelines[i];
            double shift = (i - ((report.Pipelines.Count - 1) / 2.0)) * width;
            var bars = plot.Add.Bars(
                counts.Select(count => count + shift).ToArray(), pipeline.Histogram.Select(count => 100.0 * count / report.Samples).ToArray());
            bars.LegendText = $"{pipeline.Pipeline}: mean {pipeline.Mean:0.0}";
            foreach (Bar bar in bars.Bars)
            {
                bar.Size = width;
            }
        }

        Label(plot, $"Layers that run image rows: {report.Model}, {report.Samples} questions", "share of questions, %", report.Layers + 1, "layers");
    }

    private static void Line(Plot plot, double[] values, string name, LinePattern? pattern = null, double scale = 1, double[]? at = null)
    {
        double[] layers = at ?? [.. Enumerable.Range(0, values.Length).Select(layer => (double)layer)];
        (double Layer, double Value)[] points = [.. layers.Zip(values).Where(point => double.IsFinite(point.Second))];
        var line = plot.Add.Scatter(points.Select(p => p.Layer).ToArray(), points.Select(p => scale * p.Value).ToArray());
        line.LegendText = name;
        line.LineWidth = 2;
        line.MarkerSize = 6;
        line.LinePattern = pattern ?? LinePattern.Solid;
    }

    private static void Mark(Plot plot, int? layer, string name, LinePattern pattern)
    {
        if (layer is { } at)
        {
            var mark = plot.Add.VerticalLine(at, pattern: pattern);
            mark.Color = Colors.Gray;
            mark.LegendText = $"{name}: layer {at}";
        }
    }

    private static void Label(Plot plot, string title, string vertical, int layers, string horizontal = "layer")
    {
        plot.Title(title);
        plot.XLabel(horizontal);
        plot.YLabel(vertical);
        int step = Math.Max(1, layers / 16);
        double[] ticks = [.. Enumerable.Range(0, layers).Where(layer => layer % step == 0).Select(layer => (double)layer)];
        if (vertical.EndsWith('%'))
        {
            plot.Axes.SetLimitsY(0, 105);
        }

        plot.Axes.Bottom.SetTicks(ticks, [.. ticks.Select(tick => $"{tick:0}")]);
    }
}
