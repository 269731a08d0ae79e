namespace Aperture.Host.Repl;

/// <summary>The terminal as the line editor uses it.</summary>
internal interface IEditorTerminal
{
    /// <summary>Columns.</summary>
    int Width { get; }

    /// <summary>Rows.</summary>
    int Height { get; }

    /// <summary>Reads what was typed; 0 if nothing came in time, -1 at the end of the input.</summary>
    int Read(Span<byte> buffer, TimeSpan wait);

    /// <summary>Writes text and escape sequences at once.</summary>
    void Write(string text);
}
