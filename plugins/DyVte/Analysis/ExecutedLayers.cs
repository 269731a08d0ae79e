namespace Aperture.Plugins.DyVte.Analysis;

/// <summary>How many layers still run visual rows in a pipeline: the statistic that DyVTE's evaluation prints, for any method.</summary>
/// <param name="Pipeline">The pipeline.</param>
/// <param name="Layers">Decoder layers.</param>
/// <param name="Counts">Per question the number of layers that ran visual rows: the exit layer and one, or all.</param>
/// <param name="Accuracy">Share of right answers; null where the questions carry none.</param>
internal sealed record ExecutedLayers(string Pipeline, int Layers, IReadOnlyList<int> Counts, double? Accuracy)
{
    /// <summary>The mean.</summary>
    public double Mean => Counts.Average();

    /// <summary>Questions by number of layers, from 0 to all.</summary>
    public int[] Histogram => [.. Enumerable.Range(0, Layers + 1).Select(count => Counts.Count(c => c == count))];
}
