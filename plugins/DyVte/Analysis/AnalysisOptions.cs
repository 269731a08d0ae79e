using Aperture.Decoding;

namespace Aperture.Plugins.DyVte.Analysis;

/// <summary>What is analysed.</summary>
internal sealed record AnalysisOptions
{
    /// <summary>Whether stages are found on the mean or the maximum over heads.</summary>
    public HeadReduction Heads { get; init; } = HeadReduction.Mean;

    /// <summary>The exit whose entropies are compared with those of the whole run; null for the one that the stages suggest or, if that is
    /// the last layer, the first that changes at most one answer in twenty.</summary>
    public int? ExitLayer { get; init; }

    /// <summary>Whether every exit is tried.</summary>
    public bool Sweep { get; init; } = true;

    /// <summary>The layers that the sweep exits after; null for all.</summary>
    public IReadOnlyList<int>? SweepLayers { get; init; }

    /// <summary>Longest answer in tokens.</summary>
    public int MaxNewTokens { get; init; } = 16;

    /// <summary>Checks layer numbers.</summary>
    /// <param name="model">Name of the model.</param>
    /// <param name="layers">Its layers.</param>
    /// <exception cref="ApertureException">The model has no such layer.</exception>
    public void Validate(string model, int layers)
    {
        foreach (int layer in (SweepLayers ?? []).Concat(ExitLayer is { } exit ? [exit] : []))
        {
            if (layer < 0 || layer >= layers)
            {
                throw new ApertureException($"Layer {layer} does not exist: {model} has layers 0 to {layers - 1}.");
            }
        }
    }
}
