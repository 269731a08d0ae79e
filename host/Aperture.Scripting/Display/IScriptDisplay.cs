namespace Aperture.Scripting;

/// <summary>Where a script's <c>Print</c> and <c>Show</c> go: a terminal, a notebook, a test. Calls may come from any thread.</summary>
public interface IScriptDisplay
{
    /// <summary>Turns values into what is shown; scripts may teach it types.</summary>
    ValueFormatter Formatter { get; }

    /// <summary>Writes one line of text.</summary>
    void Print(string text);

    /// <summary>Shows a value in the richest form the place has: a picture, a table, else text.</summary>
    void Show(object? value);

    /// <summary>Shows a value that will change. A place that cannot replace what it wrote shows the first and the last content.</summary>
    /// <param name="value">The first content.</param>
    ILiveDisplay ShowLive(object? value);

    /// <summary>Removes what the running cell has shown, in places that have cells.</summary>
    /// <param name="wait">Whether to wait for the next output, so that nothing flickers.</param>
    void Clear(bool wait)
    {
    }
}
