namespace Aperture.Sequences;

/// <summary>The grid of visual tokens of one image or tile. Places are numbered row by row.</summary>
/// <param name="Rows">Grid rows.</param>
/// <param name="Columns">Grid columns.</param>
public readonly record struct VisualGrid(int Rows, int Columns)
{
    /// <summary>The number of places.</summary>
    public int Count => Rows * Columns;
}
