using Aperture.Measuring;
using Aperture.Models;

namespace Aperture.Plugins.DyVte.Analysis;

/// <summary>
/// A report as charts: attention shares with the stages, entropies with and without an exit, updates of rows, and what each exit does to the answers.
/// </summary>
internal static class AnalysisCharts
{
    private static readonly (double Low, double High) _percent = (0, 105);

    /// <summary>The charts with the names of their files.</summary>
    /// <param name="report">The report.</param>
    public static IReadOnlyList<(string File, Chart Chart)> Of(AnalysisReport report)
    {
        List<(string File, Chart Chart)> charts = [("attention.png", Attention(report)), ("entropy.png", Entropy(report)), ("updates.png", Updates(report))];
        if (report.Sweep is { } sweep)
        {
            charts.Add(("exits.png", Exits(report, sweep)));
        }

        if (report.Pipelines.Count > 0)
        {
            charts.Add(("pipelines.png", Pipelines(report)));
        }

        return charts;
    }

    private static Chart Attention(AnalysisReport report)
    {
        MetricSeries mass = report.Metric("mass");
        AttentionStages stages = report.Stages;
        return new Chart(
            $"Where attention goes: {report.Model}, {report.Samples} questions",
            "layer",
            "share of attention, %",
            [
                Line("text on image", mass.Column("X>V"), scale: 100),
                Line("last row on image", mass.Column("a>V"), scale: 100),
                Line("image on image", mass.Column("V>V"), scale: 100),
                Line("text on text behind the image", mass.Column("X>X"), scale: 100),
                Line("text on prefix", mass.Column("X>S"), scale: 100),
            ])
        {
            Marks =
            [
                .. Mark("fusion ends", stages.FusionEnd, ChartDash.Dashed),
                .. Mark("reasoning begins", stages.ReasoningStart, ChartDash.Dotted),
                .. Mark("suggested exit", stages.SuggestedExit, ChartDash.Solid),
            ],
            XTicks = Ticks(report.Layers),
            YLimits = _percent,
        };
    }

    private static Chart Entropy(AnalysisReport report)
    {
        MetricSeries whole = report.Metric("entropy"), exit = report.Metric("entropyWithExit");
        return new Chart(
            $"Entropy of text on text: {report.Model}, {report.Samples} questions",
            "layer",
            "entropy, nats",
            [
                Line("text rows, whole", whole.Column("X")),
                Line($"text rows, exit after layer {report.ComparedExit}", exit.Column("X"), ChartDash.Dashed),
                Line("last row, whole", whole.Column("a")),
                Line($"last row, exit after layer {report.ComparedExit}", exit.Column("a"), ChartDash.Dashed),
            ])
        {
            Marks = [.. Mark("exit", report.ComparedExit, ChartDash.Solid)],
            XTicks = Ticks(report.Layers),
        };
    }

    private static Chart Updates(AnalysisReport report)
    {
        MetricSeries change = report.Metric("updateNorm"), cosine = report.Metric("cosine");
        return new Chart(
            $"How much a layer changes its rows: {report.Model}, {report.Samples} questions",
            "layer",
            "|out - in| / |in|, and cosine of in and out",
            [
                Line("change of image rows", change.Column("V")),
                Line("change of text rows", change.Column("X")),
                Line("cosine of image rows", cosine.Column("V"), ChartDash.Dashed),
                Line("cosine of text rows", cosine.Column("X"), ChartDash.Dashed),
            ])
        {
            XTicks = Ticks(report.Layers),
        };
    }

    private static Chart Exits(AnalysisReport report, ExitSweep sweep)
    {
        double[] layers = [.. sweep.Layers.Select(layer => (double)layer)];
        List<ChartSeries> series =
        [
            new("stable from this exit on", layers, [.. sweep.StableHistogram.Select(count => 100.0 * count / sweep.Samples.Count)]) { BarWidth = 0.8 },
            Line("same answer", sweep.SameAnswer, scale: 100, at: layers),
            Line("same tokens", sweep.Agreement, scale: 100, at: layers),
            Line("exit right by the training's rule", sweep.Acceptable, ChartDash.Dashed, 100, layers),
        ];
        if (sweep.Accuracy is { } accuracy)
        {
            series.Add(Line("right answers", accuracy, ChartDash.Solid, 100, layers));
        }

        string title = $"Without image rows behind a layer: {report.Model}, {sweep.Samples.Count} questions";
        return new Chart(title, "exit after layer", "share of questions, %", series) { XTicks = Ticks(report.Layers), YLimits = _percent };
    }

    private static Chart Pipelines(AnalysisReport report)
    {
        double width = 0.8 / report.Pipelines.Count;
        ChartSeries[] series = [.. report.Pipelines.Select((pipeline, i) =>
        {
            double shift = (i - ((report.Pipelines.Count - 1) / 2.0)) * width;
            double[] at = [.. Enumerable.Range(0, report.Layers + 1).Select(count => count + shift)];
            double[] shares = [.. pipeline.Histogram.Select(count => 100.0 * count / report.Samples)];
            return new ChartSeries($"{pipeline.Pipeline}: mean {pipeline.Mean:0.0}", at, shares) { BarWidth = width };
        })];
        string title = $"Layers that run image rows: {report.Model}, {report.Samples} questions";
        return new Chart(title, "layers", "share of questions, %", series) { XTicks = Ticks(report.Layers + 1), YLimits = _percent };
    }

    private static ChartSeries Line(string name, double[] values, ChartDash dash = ChartDash.Solid, double scale = 1, double[]? at = null)
        => new(name, at ?? [.. Enumerable.Range(0, values.Length).Select(layer => (double)layer)], [.. values.Select(value => scale * value)]) { Dash = dash };

    private static ChartMark[] Mark(string name, int? layer, ChartDash dash)
        => layer is { } at ? [new ChartMark($"{name}: layer {at}", at) { Dash = dash }] : [];

    private static double[] Ticks(int layers)
    {
        int step = Math.Max(1, layers / 16);
        return [.. Enumerable.Range(0, layers).Where(layer => layer % step == 0).Select(layer => (double)layer)];
    }
}
