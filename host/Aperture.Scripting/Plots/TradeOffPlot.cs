using ScottPlot;
using ScottPlot.Plottables;

namespace Aperture.Scripting;

/// <summary>Draws accuracy against cost: a line with confidence intervals for each method.</summary>
public static class TradeOffPlot
{
    /// <summary>Draws the plot into a PNG file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="title">The title.</param>
    /// <param name="cost">What the horizontal axis counts.</param>
    /// <param name="series">Per method its points.</param>
    /// <param name="chance">Accuracy without looking at the picture, drawn as a line; null for none.</param>
    /// <returns>The full path.</returns>
    public static string SavePng(
        string path, string title, string cost, IReadOnlyList<(string Method, IReadOnlyList<TradeOffPoint> Points)> series, double? chance)
        => PlotFile.Save(
            path,
            plot =>
            {
                int drawn = 0;
                foreach ((string method, IReadOnlyList<TradeOffPoint> points) in series)
                {
                    Color color = plot.Add.Palette.GetColor(drawn++); // by hand: error bars would take every second colour
                    TradeOffPoint[] sorted = [.. points.OrderBy(p => p.Cost)];
                    Scatter line = plot.Add.Scatter(sorted.Select(p => p.Cost).ToArray(), sorted.Select(p => 100 * p.Accuracy).ToArray());
                    line.Color = color;
                    line.LegendText = method;
                    line.LineWidth = 2;
                    line.MarkerSize = 7;
                    ErrorBar bars = plot.Add.ErrorBar(
                        sorted.Select(p => p.Cost).ToArray(), sorted.Select(p => 100 * p.Accuracy).ToArray(), sorted.Select(p => 100 * p.HalfWidth).ToArray());
                    bars.Color = color.WithAlpha(0.5);
                }

                if (chance is { } guess)
                {
                    HorizontalLine level = plot.Add.HorizontalLine(100 * guess, pattern: LinePattern.Dashed);
                    level.Color = Colors.Gray;
                    level.LegendText = "picture blanked";
                }

                plot.Title(title);
                plot.XLabel(cost);
                plot.YLabel("right answers, %");
            },
            Alignment.LowerRight);
}

/// <summary>One setting of a method.</summary>
/// <param name="Cost">What it costs.</param>
/// <param name="Accuracy">Share of right answers.</param>
/// <param name="HalfWidth">Half the width of the accuracy's 95 % interval.</param>
public sealed record TradeOffPoint(double Cost, double Accuracy, double HalfWidth);
