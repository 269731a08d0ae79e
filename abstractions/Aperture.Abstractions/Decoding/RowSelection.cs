namespace Aperture.Decoding;

/// <summary>Which rows go on, per sample. The host carries the choice out on hidden rows, layout, positions and everything later layers see.</summary>
public sealed class RowSelection
{
    private readonly int[]?[] _keep;

    /// <summary>A selection for a batch.</summary>
    /// <param name="keep">Per sample the rows to keep, strictly ascending; null keeps all rows of that sample.</param>
    public RowSelection(IReadOnlyList<int[]?> keep) => _keep = [.. keep];

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
}
