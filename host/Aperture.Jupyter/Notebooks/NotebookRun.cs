namespace Aperture.Jupyter;

/// <summary>How a run of a notebook ended.</summary>
/// <param name="Cells">Number of cells that ran.</param>
/// <param name="Failure">The first failure of a cell that was not there to fail, on one line; null if there was none.</param>
public sealed record NotebookRun(int Cells, string? Failure);
