namespace Aperture.Scripting;

/// <summary>Where a script's <c>Print</c> and <c>Show</c> go: a terminal, a notebook, a test.</summary>
public interface IScriptDisplay
{
    /// <summary>Writes one line of text.</summary>
    void Print(string text);

    /// <summary>Shows a value in the richest form the place has: a picture, a table, else text.</summary>
    void Show(object? value);
}
