namespace Aperture.Plugins;

/// <summary>A chart as data: the host draws it, so that all charts have one look.</summary>
/// <param name="Title">The title.</param>
/// <param name="XLabel">What the horizontal axis shows.</param>
/// <param name="YLabel">What the vertical axis shows.</param>
/// <param name="Series">What is drawn, the first lowest. Bars are grey where lines stand before them, else each series has the next colour.</param>
public sealed record Chart(string Title, string XLabel, string YLabel, IReadOnlyList<ChartSeries> Series)
{
    /// <summary>Vertical lines.</summary>
    public IReadOnlyList<ChartMark> Marks { get; init; } = [];

    /// <summary>Where the horizontal axis has ticks; null where the host sees fit.</summary>
    public IReadOnlyList<double>? XTicks { get; init; }

    /// <summary>Ends of the vertical axis; null for those of the values. Shares are drawn in percent, from 0 to 105.</summary>
    public (double Low, double High)? YLimits { get; init; }
}

/// <summary>A line or a row of bars in a chart.</summary>
/// <param name="Name">Its text in the legend.</param>
/// <param name="X">Horizontal values.</param>
/// <param name="Y">A vertical value for each; points whose value is not finite are left out.</param>
public sealed record ChartSeries(string Name, IReadOnlyList<double> X, IReadOnlyList<double> Y)
{
    /// <summary>How the line is drawn; without meaning for bars.</summary>
    public ChartDash Dash { get; init; }

    /// <summary>Width of each bar in horizontal units; null for a line through the points.</summary>
    public double? BarWidth { get; init; }
}

/// <summary>A vertical line in a chart.</summary>
/// <param name="Name">Its text in the legend.</param>
/// <param name="X">Where it stands.</param>
public sealed record ChartMark(string Name, double X)
{
    /// <summary>How it is drawn.</summary>
    public ChartDash Dash { get; init; }
}

/// <summary>How a line of a chart is drawn.</summary>
public enum ChartDash
{
    /// <summary>Without gaps.</summary>
    Solid,

    /// <summary>In dashes.</summary>
    Dashed,

    /// <summary>In dots.</summary>
    Dotted,
}
