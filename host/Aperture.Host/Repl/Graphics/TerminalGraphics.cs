using System.Text.RegularExpressions;

namespace Aperture.Host.Repl;

/// <summary>
/// Finds out how the terminal shows pictures: what <c>APERTURE_GRAPHICS</c> says, what the terminal's own variables say, and what it answers when asked.
/// </summary>
internal static partial class TerminalGraphics
{
    /// <summary>Overrides the detection: kitty, iterm, sixel or none.</summary>
    public const string Variable = "APERTURE_GRAPHICS";

    private const string SixelAttribute = "4";
    private static readonly TimeSpan _patience = TimeSpan.FromMilliseconds(300);

    /// <summary>The protocol to use.</summary>
    /// <param name="terminal">Asked where the variables do not tell; null if nobody can be asked.</param>
    /// <param name="variable">Reads an environment variable.</param>
    public static GraphicsKind Detect(RawTerminal? terminal, Func<string, string?> variable)
    {
        if (variable(Variable) is { Length: > 0 } forced)
        {
            return Enum.TryParse(forced, ignoreCase: true, out GraphicsKind kind)
                ? kind
                : throw new ApertureException($"{Variable}={forced}: give kitty, iterm, sixel or none.");
        }

        string term = variable("TERM") ?? "";
        bool isNested = variable("TMUX") is { Length: > 0 }
            || term.StartsWith("screen", StringComparison.Ordinal)
            || term.StartsWith("tmux", StringComparison.Ordinal);
        if (!isNested)
        {
            if (term is "xterm-kitty" or "xterm-ghostty" || variable("KITTY_WINDOW_ID") is { Length: > 0 } || variable("KONSOLE_VERSION") is { Length: > 0 })
            {
                return GraphicsKind.Kitty;
            }

            if (variable("TERM_PROGRAM") is "iTerm.app" or "WezTerm")
            {
                return GraphicsKind.ITerm;
            }
        }

        return term != "dumb" && terminal is not null && HasSixel(terminal) ? GraphicsKind.Sixel : GraphicsKind.None;
    }

    // Every terminal answers a request for its primary attributes.
    private static bool HasSixel(RawTerminal terminal) =>
        terminal.Ask("\x1b[c", Attributes(), _patience) is { Length: > 0 } answer
            && Attributes().Match(answer).Groups["list"].Value.Split(';').Contains(SixelAttribute);

    [GeneratedRegex(@"\x1b\[\?(?<list>[0-9;]*)c")]
    private static partial Regex Attributes();
}
