namespace Aperture.Jupyter;

/// <summary>Where the outputs of one cell go: to a kernel's clients, or into a notebook file.</summary>
internal interface ICellOutput
{
    /// <summary>Text of <c>stdout</c> or <c>stderr</c>.</summary>
    void Stream(string name, string text);

    /// <summary>A value shown while the cell runs; with an id it can be replaced later.</summary>
    void Display(MimeBundle bundle, string? id);

    /// <summary>Replaces what was shown under an id.</summary>
    void Update(MimeBundle bundle, string id);

    /// <summary>The value of the cell's last expression.</summary>
    void Result(MimeBundle bundle, int count);

    /// <summary>Why the cell failed.</summary>
    void Error(CellError error);

    /// <summary>Removes what the cell has shown so far; at once, or when the next output comes.</summary>
    void Clear(bool wait);
}
