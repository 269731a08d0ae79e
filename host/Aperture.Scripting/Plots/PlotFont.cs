using Aperture.Measuring;
using ScottPlot;
using SkiaSharp;

namespace Aperture.Scripting;

/// <summary>
/// Gives the plot library the shipped font, for every family that is not installed: its native drawing library sees no system fonts, and a plot would have no
/// text.
/// </summary>
internal sealed class PlotFont : IFontResolver
{
    private const string Family = "DejaVu Sans";

    private static readonly Lazy<bool> _default = new(() =>
    {
        Fonts.FontResolvers.Add(new PlotFont()); // Last: an installed family is found before.
        Fonts.Default = Fonts.Sans = Fonts.Serif = Fonts.Monospace = Family;
        return true;
    });

    /// <summary>Makes the shipped font the one of plots that are made from now on; once a process.</summary>
    public static void MakeDefault() => _ = _default.Value;

    // The plot library owns what it gets.
    public SKTypeface CreateTypeface(string fontName, FontWeight weight, FontSlant slant, FontSpacing spacing) => Typefaces.Create();

    public SKTypeface CreateTypeface(string fontName, bool bold, bool italic) => Typefaces.Create();
}
