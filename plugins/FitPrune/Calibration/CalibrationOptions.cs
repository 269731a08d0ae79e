using Aperture.Measuring;

namespace Aperture.Plugins.FitPrune.Calibration;

/// <summary>What a user may set when fitting a recipe.</summary>
// Settable, not init-only: source-generated JSON gives init-only properties that are absent no default value.
internal sealed record CalibrationOptions : IMethodOptions
{
    /// <summary>Fraction of the visual tokens' multiply-accumulates to save.</summary>
    public double TargetReduction { get; set; } = 0.6;

    /// <summary>The binary search ends when its interval is no wider.</summary>
    public double Epsilon { get; set; } = 0.01;

    /// <summary>
    /// Whether the official search is reproduced: no check of the budget after the last layer, and the recipe of the last alpha tried, met or not.
    /// </summary>
    public bool Strict { get; set; }

    /// <summary>Whether deletions are added by largest remainder until the recipe itself meets the target, which floor averaging misses.</summary>
    public bool ExactBudget { get; set; }

    /// <summary>How many samples to use; fewer if there are fewer.</summary>
    public int Samples { get; set; } = 64;

    /// <summary><c>max</c> (official) or <c>mean</c> over heads.</summary>
    public string HeadReduce { get; set; } = "max";

    /// <summary>Hidden width that the budget is counted with; null takes the model's.</summary>
    public int? FlopsHidden { get; set; }

    /// <summary>Feed-forward width that the budget is counted with; null takes the model's.</summary>
    public int? FlopsIntermediate { get; set; }

    /// <summary>The recipe file; null means <c>fitprune/&lt;percent&gt;.fitprune.json</c> in the output folder.</summary>
    public string? Output { get; set; }

    /// <summary>The statistics file; null means <c>fitprune/calibration.fitstats.json</c> in the output folder.</summary>
    public string? Statistics { get; set; }

    public void Validate()
    {
        if (!(TargetReduction is > 0 and < 1))
        {
            throw FitPruneOptions.Error($"TargetReduction is {TargetReduction}; give a fraction between 0 and 1, such as 0.6");
        }

        if (!(Epsilon is >= 1e-6 and < 1))
        {
            throw FitPruneOptions.Error($"Epsilon is {Epsilon}; give a small positive number such as 0.01");
        }

        if (Samples < 1)
        {
            throw FitPruneOptions.Error($"Samples is {Samples}; give 1 or more, such as 64");
        }

        if (FlopsHidden is < 1 or > 1 << 20 || FlopsIntermediate is < 1 or > 1 << 20)
        {
            throw FitPruneOptions.Error(
                $"FlopsHidden and FlopsIntermediate are {FlopsHidden}, {FlopsIntermediate}; give widths such as 4096 and 11008, or none");
        }

        FitPruneOptions.OneOf(nameof(HeadReduce), HeadReduce, ["max", "mean"]);
    }

    internal static IReadOnlyList<MethodOption> Describe() =>
    [
        new(nameof(TargetReduction), "number", "0.6", "Fraction of the visual tokens' FLOPs to save, between 0 and 1.") { Allowed = "above 0, below 1" },
        new(nameof(Samples), "integer", "64", "Samples to measure and search on; at least 1.") { Allowed = "1 or more" },
        new(nameof(Epsilon), "number", "0.01", "Width at which the search for alpha ends; 0.01 means seven rounds."),
        new(nameof(Strict), "true/false", "false", "Reproduce the official search: last alpha's recipe, budget not checked after the last layer."),
        new(nameof(ExactBudget), "true/false", "false", "Round the averaged counts so that the recipe itself meets the target."),
        new(nameof(HeadReduce), "text", "max", "How heads become one map: max (official) or mean.") { Allowed = "max, mean" },
        new(nameof(FlopsHidden), "integer", "the model's", "Hidden width that the budget is counted with."),
        new(nameof(FlopsIntermediate), "integer", "the model's", "Feed-forward width that the budget is counted with."),
        new(nameof(Output), "text", "fitprune/<percent>.fitprune.json", "The recipe file to write."),
        new(nameof(Statistics), "text", "fitprune/calibration.fitstats.json", "The statistics file, read to go on and written after every forward."),
    ];
}
