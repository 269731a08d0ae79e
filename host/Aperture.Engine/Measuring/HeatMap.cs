using Aperture.Images;
using Aperture.Sequences;
using Aperture.Vision;

namespace Aperture.Measuring;

/// <summary>
/// What a vision encoder tells of the places of a picture's grid, to be drawn over the picture: how far a gate opens there, what a place weighs.
/// </summary>
public sealed class HeatMap
{
    internal HeatMap(Image picture, PictureArea area, VisualGrid grid, IReadOnlyList<HeatMapPanel> panels)
        => (Picture, Area, Grid, Panels) = (picture, area, grid, panels);

    /// <summary>What the encoder saw, at the picture's own resolution; grey where it saw padding.</summary>
    public Image Picture { get; }

    /// <summary>The rectangle of <see cref="Picture"/> that the grid covers.</summary>
    public PictureArea Area { get; }

    /// <summary>The grid.</summary>
    public VisualGrid Grid { get; }

    /// <summary>The values, one number for each place of the grid.</summary>
    public IReadOnlyList<HeatMapPanel> Panels { get; }

    /// <summary>Draws the values over the picture, side by side, all on one scale: the largest is the brightest.</summary>
    /// <returns>The picture.</returns>
    public Image Draw() => HeatMapDrawing.Draw(this);

    /// <summary>Draws into a PNG file; written whole or not at all.</summary>
    /// <param name="path">The file.</param>
    /// <returns>The full path.</returns>
    public string SavePng(string path)
    {
        Draw().SavePng(path);
        return Path.GetFullPath(path);
    }
}

/// <summary>One value of a heat map.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Values">A number for each place, row by row.</param>
public sealed record HeatMapPanel(string Name, IReadOnlyList<float> Values);
