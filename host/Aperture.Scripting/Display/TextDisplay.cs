namespace Aperture.Scripting;

/// <summary>Shows everything as text.</summary>
public sealed class TextDisplay(TextWriter writer) : IScriptDisplay
{
    /// <inheritdoc/>
    public ValueFormatter Formatter { get; } = new();

    /// <inheritdoc/>
    public void Print(string text) => writer.WriteLine(text);

    /// <inheritdoc/>
    public void Show(object? value) => writer.WriteLine(Formatter.Format(value).Text);

    /// <inheritdoc/>
    public ILiveDisplay ShowLive(object? value) => new FirstAndLast(this, value);
}
