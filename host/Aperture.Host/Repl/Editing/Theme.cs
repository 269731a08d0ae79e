using Aperture.Measuring;
using Aperture.Scripting;

namespace Aperture.Host.Repl;

/// <summary>
/// The escape sequences for colours: those of the terminal's own palette, so that they fit a light and a dark one. Without colours all are empty.
/// </summary>
internal sealed class Theme(bool hasColour)
{
    public string Reset => Sgr("0");

    public string Prompt => Sgr("1;36");

    public string Dim => Sgr("2");

    public string Strong => Sgr("1;4");

    public string Error => Sgr("31");

    // Not a colour: without it nobody sees what is selected.
    public string Selected { get; } = "\x1b[7m";

    public string SelectedEnd { get; } = "\x1b[27m";

    /// <summary>Whether the user wants colours: a terminal, and neither NO_COLOR nor TERM=dumb.</summary>
    public static Theme OfEnvironment() => new(
        !Console.IsOutputRedirected
        && Environment.GetEnvironmentVariable("NO_COLOR") is null or ""
        && Environment.GetEnvironmentVariable("TERM") != "dumb");

    public string Of(CodeKind kind) => kind switch
    {
        CodeKind.Keyword => Sgr("34"),
        CodeKind.Control => Sgr("35"),
        CodeKind.Type => Sgr("36"),
        CodeKind.Method => Sgr("33"),
        CodeKind.Text => Sgr("32"),
        CodeKind.Number => Sgr("91"),
        CodeKind.Comment => Sgr("2;32"),
        CodeKind.Directive => Sgr("35"),
        _ => "",
    };

    private string Sgr(string codes) => hasColour ? $"\x1b[{codes}m" : "";
}
