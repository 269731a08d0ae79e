using Aperture.Plugins;
using ScottPlot;
using ScottPlot.Plottables;

namespace Aperture.Scripting;

/// <summary>Draws charts of plugins' commands into PNG files.</summary>
public static class ChartDrawing
{
    /// <summary>Draws a chart into a file, replaced in one step.</summary>
    /// <param name="path">The file; its folder is created if absent.</param>
    /// <param name="chart">The chart.</param>
    /// <returns>The full path.</returns>
    public static string Save(string path, Chart chart)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        return PlotFile.Save(path, plot => Draw(plot, chart), null);
    }

    private static void Draw(Plot plot, Chart chart)
    {
        bool hasLines = chart.Series.Any(series => series.BarWidth is null);
        foreach (ChartSeries series in chart.Series)
        {
            (double X, double Y)[] points = [.. series.X.Zip(series.Y).Where(point => double.IsFinite(point.First) && double.IsFinite(point.Second))];
            double[] x = [.. points.Select(point => point.X)], y = [.. points.Select(point => point.Y)];
            if (series.BarWidth is { } width)
            {
                Bars(plot.Add.Bars(x, y), series.Name, width, hasLines);
            }
            else
            {
                Line(plot.Add.Scatter(x, y), series);
            }
        }

        foreach (ChartMark mark in chart.Marks)
        {
            VerticalLine line = plot.Add.VerticalLine(mark.X, pattern: Pattern(mark.Dash));
            line.Color = Colors.Gray;
            line.LegendText = mark.Name;
        }

        plot.Title(chart.Title);
        plot.XLabel(chart.XLabel);
        plot.YLabel(chart.YLabel);
        if (chart.YLimits is { } limits)
        {
            plot.Axes.SetLimitsY(limits.Low, limits.High);
        }

        if (chart.XTicks is { } ticks)
        {
            plot.Axes.Bottom.SetTicks([.. ticks], [.. ticks.Select(tick => $"{tick:0.###}")]);
        }
    }

    private static void Bars(BarPlot bars, string name, double width, bool isBehind)
    {
        bars.LegendText = name;
        foreach (Bar bar in bars.Bars)
        {
            bar.Size = width;
        }

        if (isBehind)
        {
            bars.Color = Colors.LightGray;
        }
    }

    private static void Line(Scatter line, ChartSeries series)
    {
        line.LegendText = series.Name;
        line.LineWidth = 2;
        line.MarkerSize = 6;
        line.LinePattern = Pattern(series.Dash);
    }

    private static LinePattern Pattern(ChartDash dash) => dash switch
    {
        ChartDash.Dashed => LinePattern.Dashed,
        ChartDash.Dotted => LinePattern.Dotted,
        _ => LinePattern.Solid,
    };
}
