using Aperture.Generation;

namespace Aperture.Comparing;

/// <summary>How pipelines are measured.</summary>
public sealed record MeasureOptions
{
    /// <summary>Timed runs, after one that warms up; at least 1.</summary>
    public int Runs { get; init; } = 5;

    /// <summary>How to generate; null for greedy.</summary>
    public GenerationOptions? Generation { get; init; }

    /// <summary>
    /// Whether a row for each baseline of the plugins (<see cref="Plugins.IMethodFactory.BaselineOption"/>) at the same budget is added where it is not
    /// already there.
    /// </summary>
    public bool AddBaselines { get; init; } = true;

    /// <summary>Checks the values.</summary>
    /// <exception cref="ApertureException">A value is out of range.</exception>
    public MeasureOptions Validate()
        => Runs is >= 1 and <= 1000 ? this : throw new ApertureException($"The number of timed runs is {Runs} but must be 1 to 1000.");
}
