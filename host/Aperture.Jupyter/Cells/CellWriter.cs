using System.Text;

namespace Aperture.Jupyter;

/// <summary>A text writer whose text becomes a stream output of the running cell.</summary>
/// <param name="display">Knows the running cell.</param>
/// <param name="stream"><c>stdout</c> or <c>stderr</c>.</param>
internal sealed class CellWriter(CellDisplay display, string stream) : TextWriter
{
    /// <inheritdoc/>
    public override Encoding Encoding => Encoding.UTF8;

    /// <inheritdoc/>
    public override void Write(char value) => display.Output.Stream(stream, value.ToString());

    /// <inheritdoc/>
    public override void Write(string? value)
    {
        if (!string.IsNullOrEmpty(value))
        {
            display.Output.Stream(stream, value);
        }
    }

    /// <inheritdoc/>
    public override void Write(char[] buffer, int index, int count) => Write(new string(buffer, index, count));

    /// <inheritdoc/>
    public override void Write(ReadOnlySpan<char> buffer) => Write(new string(buffer));

    /// <inheritdoc/>
    public override void WriteLine(string? value) => Write(value + "\n");

    /// <inheritdoc/>
    public override void WriteLine() => Write("\n");
}
