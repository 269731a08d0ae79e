namespace Aperture.Jupyter;

/// <summary>Standard input as cells see it: every line is asked of the user, where there is one.</summary>
/// <param name="display">Knows whom to ask.</param>
internal sealed class CellReader(CellDisplay display) : TextReader
{
    /// <inheritdoc/>
    public override string? ReadLine()
        => display.Ask is { } ask ? ask() : throw new ApertureException("There is nobody to ask for input here; give the value in the cell.");

    /// <inheritdoc/>
    public override int Read() => throw new ApertureException("Cells read whole lines: use Console.ReadLine().");

    /// <inheritdoc/>
    public override int Peek() => Read();
}
