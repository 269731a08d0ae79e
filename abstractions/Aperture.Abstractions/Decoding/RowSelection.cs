namespace Aperture.Decoding;

/// <summary>Which rows go on, per sample. The host carries the choice out on hidden rows, layout, positions and everything later layers see.</summary>
public sealed class RowSelection
{
    private readonly int[]?[] _keep;

    /// <summary>A selection for a batch.</summary>
    /// <param name="keep">Per sample the rows to keep, strictly ascending; null keeps all rows of that sample.</param>
    /// <exception cref="ApertureException">Rows of a sample do not ascend, or are negative.</exception>
    public RowSelection(IReadOnlyList<int[]?> keep)
    {
        _keep = [.. keep];
        for (int sample = 0; sample < _keep.Length; sample++)
        {
            CheckAscending(_keep[sample] ?? [], $"the rows that go on of sample {sample}");
        }
    }

    /// <summary>Number of samples.</summary>
    public int Samples => _keep.Length;

    /// <summary>The kept rows of a sample, ascending; null means all.</summary>
    /// <param name="sample">Index of the sample in the batch.</param>
    public int[]? this[int sample] => _keep[sample];

    /// <summary>
    /// Whether rows that are dropped also leave the caches of the layers that have run, this one included, once this layer is done. It frees memory and changes
    /// what later forwards compute in those layers.
    /// </summary>
    public bool LeavesCaches { get; init; }

    /// <summary>Whether nothing is dropped anywhere.</summary>
    public bool KeepsAll => Array.TrueForAll(_keep, k => k is null);

    internal static int[] CheckAscending(int[] rows, string what)
    {
        int last = -1;
        foreach (int row in rows)
        {
            if (row <= last)
            {
                throw new ApertureException(
                    row < 0 ? $"Row {row} cannot be among {what}; rows count from 0." : $"Row {row} follows row {last} in {what}; they ascend, each once.");
            }

            last = row;
        }

        return rows;
    }
}
