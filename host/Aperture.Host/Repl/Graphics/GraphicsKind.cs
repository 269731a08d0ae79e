namespace Aperture.Host.Repl;

/// <summary>How a terminal shows pictures among its text.</summary>
internal enum GraphicsKind
{
    /// <summary>Not at all.</summary>
    None,

    /// <summary>The graphics protocol of kitty, Ghostty and Konsole.</summary>
    Kitty,

    /// <summary>The inline images of iTerm2 and WezTerm.</summary>
    ITerm,

    /// <summary>Sixels: xterm, foot, mlterm, Windows Terminal.</summary>
    Sixel,
}
