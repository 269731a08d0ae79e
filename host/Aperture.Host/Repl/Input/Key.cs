namespace Aperture.Host.Repl;

/// <summary>What was pressed.</summary>
internal enum Key
{
    Text,
    Paste,
    Enter,
    Tab,
    Backspace,
    Delete,
    Escape,
    Left,
    Right,
    Up,
    Down,
    Home,
    End,
    PageUp,
    PageDown,
    Insert,
    F1,
    Unknown,
    EndOfInput,
}
