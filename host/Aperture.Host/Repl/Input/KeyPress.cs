namespace Aperture.Host.Repl;

/// <summary>One key press, or a paste.</summary>
/// <param name="Key">What was pressed.</param>
/// <param name="Text">The character of <see cref="Key.Text"/> (lower case with Ctrl), the content of <see cref="Key.Paste"/>; else empty.</param>
/// <param name="Modifiers">What was held.</param>
internal readonly record struct KeyPress(Key Key, string Text = "", KeyModifiers Modifiers = KeyModifiers.None)
{
    public bool IsControl(string letter) => Key == Key.Text && Modifiers == KeyModifiers.Control && Text == letter;

    public bool IsAlt(string letter) => Key == Key.Text && Modifiers == KeyModifiers.Alt && Text == letter;
}
