namespace Aperture.Scripting;

/// <summary>Shows everything as text.</summary>
public sealed class TextDisplay(TextWriter writer) : IScriptDisplay
{
    /// <inheritdoc/>
    public void Print(string text) => writer.WriteLine(text);

    /// <inheritdoc/>
    public void Show(object? value) => writer.WriteLine(ValueText.Format(value));
}
