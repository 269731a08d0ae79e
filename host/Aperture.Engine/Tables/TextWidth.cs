using System.Text;
using Wcwidth;

namespace Aperture.Tables;

/// <summary>How many columns of a terminal a text takes: two for wide characters, none for combining ones.</summary>
public static class TextWidth
{
    /// <summary>The columns of a character; 0 for control characters.</summary>
    /// <param name="rune">The character.</param>
    public static int Of(Rune rune) => Math.Max(0, UnicodeCalculator.GetWidth(rune));

    /// <summary>The columns of a line.</summary>
    /// <param name="line">The line.</param>
    public static int Of(string line) => line.EnumerateRunes().Sum(Of);

    /// <summary>A line filled with spaces to a width.</summary>
    /// <param name="line">The line; one that is longer stays as it is.</param>
    /// <param name="width">The width in columns.</param>
    /// <param name="right">Whether the line stands at the right.</param>
    internal static string Pad(string line, int width, bool right)
    {
        string fill = new(' ', Math.Max(0, width - Of(line)));
        return right ? fill + line : line + fill;
    }
}
