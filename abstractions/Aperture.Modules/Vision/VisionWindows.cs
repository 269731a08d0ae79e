using Aperture.Sequences;

namespace Aperture.Vision;

/// <summary>
/// The windows of a grid, row by row, each with its places row by row. Windows at the right and lower border may reach over the grid. A row's slot is its
/// place in that order.
/// </summary>
internal sealed class VisionWindows
{
    private readonly int _windowColumns;

    /// <summary>Sorts rows into windows.</summary>
    /// <param name="grid">The grid.</param>
    /// <param name="places">The grid place of each row.</param>
    /// <param name="side">Side of a window.</param>
    /// <param name="padding">What stands outside the grid.</param>
    public VisionWindows(VisualGrid grid, int[] places, int side, WindowPadding padding)
    {
        _windowColumns = (grid.Columns + side - 1) / side;
        (Side, Count) = (side, (grid.Rows + side - 1) / side * _windowColumns);
        Slots = Array.ConvertAll(places, place => (long)SlotOf(place / grid.Columns, place % grid.Columns));
        Present = new bool[Count * side * side];
        foreach (long slot in Slots)
        {
            Present[slot] = true;
        }

        for (int slot = 0; slot < Present.Length; slot++)
        {
            (int row, int column) = PlaceOf(slot);
            Present[slot] |= padding == WindowPadding.Attended && (row >= grid.Rows || column >= grid.Columns);
        }
    }

    /// <summary>Side of a window in patches.</summary>
    public int Side { get; }

    /// <summary>Number of windows.</summary>
    public int Count { get; }

    /// <summary>The slot of each row.</summary>
    public long[] Slots { get; }

    /// <summary>By slot, whether attention sees it: a row stands there, or padding that takes part.</summary>
    public bool[] Present { get; }

    /// <summary>Row and column of a slot in the grid, which it may lie outside of.</summary>
    public (int Row, int Column) PlaceOf(int slot)
    {
        int window = slot / (Side * Side), within = slot % (Side * Side);
        return ((window / _windowColumns * Side) + (within / Side), (window % _windowColumns * Side) + (within % Side));
    }

    private int SlotOf(int row, int column)
        => (((row / Side * _windowColumns) + (column / Side)) * Side * Side) + (row % Side * Side) + (column % Side);
}
