using Aperture.Files;
using ScottPlot;

namespace Aperture.Scripting;

/// <summary>Writes plots as PNG files of one look, with the shipped font, each replaced in one step.</summary>
public static class PlotFile
{
    private const int Width = 900;
    private const int Height = 560;

    // At the library's own 12 the shipped font loses its uppermost line in the first row.
    private const float LegendSize = 13;

    /// <summary>Draws a plot into a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="draw">Fills the plot.</param>
    /// <param name="legend">Where the legend stands inside the plot; null puts it beside.</param>
    /// <returns>The full path.</returns>
    public static string Save(string path, Action<Plot> draw, Alignment? legend)
    {
        PlotFont.MakeDefault();
        Plot plot = new();
        plot.Legend.FontSize = LegendSize;
        draw(plot);
        if (legend is { } inside)
        {
            plot.ShowLegend(inside);
        }
        else
        {
            plot.ShowLegend(Edge.Bottom);
        }

        AtomicFile.Write(path, plot.GetImageBytes(Width, Height, ImageFormat.Png));
        return Path.GetFullPath(path);
    }
}
