using Aperture.Measuring;
using Aperture.Models;

namespace Aperture.Plugins.DyVte.Analysis;

/// <summary>What an analysis found.</summary>
internal sealed record AnalysisReport
{
    /// <summary>The model.</summary>
    public required string Model { get; init; }

    /// <summary>Element type, device, threads and processor: the figures are those of this arithmetic.</summary>
    public required MeasuredOn MeasuredOn { get; init; }

    /// <summary>Decoder layers.</summary>
    public required int Layers { get; init; }

    /// <summary>Number of questions.</summary>
    public required int Samples { get; init; }

    /// <summary>
    /// Measured quantities, by layer: <c>mass</c>, <c>headMaximumMass</c>, <c>density</c>, <c>entropy</c>, <c>entropyWithExit</c>, <c>updateNorm</c>,
    /// <c>cosine</c>.
    /// </summary>
    public required IReadOnlyList<MetricSeries> Metrics { get; init; }

    /// <summary>The stages.</summary>
    public required AttentionStages Stages { get; init; }

    /// <summary>The exit whose entropies stand in <c>entropyWithExit</c>.</summary>
    public required int ComparedExit { get; init; }

    /// <summary>Every exit tried; null if that was not asked for.</summary>
    public required ExitSweep? Sweep { get; init; }

    /// <summary>What pipelines with methods ran.</summary>
    public required IReadOnlyList<ExecutedLayers> Pipelines { get; init; }

    /// <summary>A quantity by name.</summary>
    /// <param name="name">The name.</param>
    public MetricSeries Metric(string name) => Metrics.First(metric => metric.Name == name);
}
