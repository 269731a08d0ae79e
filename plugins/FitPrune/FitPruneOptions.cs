using System.Text.Json;
using Aperture.Measuring;

namespace Aperture.Plugins.FitPrune;

/// <summary>What a user may set. At most one of <see cref="Recipe"/>, <see cref="Reduction"/> and <see cref="ReductionRatio"/>; none means 60 %.</summary>
// Settable, not init-only: source-generated JSON gives init-only properties that are absent no default value.
internal sealed record FitPruneOptions : IMethodOptions
{
    /// <summary>Reduction in percent that stands in for no choice at all.</summary>
    public const double DefaultPercent = 60;

    /// <summary>An official recipe's name, a recipe file, the printed form of the official search, or the deletions per layer as a list.</summary>
    public JsonElement? Recipe { get; set; }

    /// <summary>Fraction of the visual tokens' multiply-accumulates to save; picks a recipe.</summary>
    public double? Reduction { get; set; }

    /// <summary>The same in percent, as the official code has it.</summary>
    public int? ReductionRatio { get; set; }

    /// <summary>Whether a recipe is scaled where a sample has another number of visual tokens than the recipe was made for.</summary>
    public bool ScaleToTokens { get; set; } = true;

    /// <summary>Take a recipe of another depth: its curve of remaining tokens is read at this model's layers.</summary>
    public bool ScaleToLayers { get; set; }

    /// <summary><c>fp32</c>, or <c>compute</c> for the half-precision roundings of the official run.</summary>
    public string ScoreDType { get; set; } = "fp32";

    /// <summary><c>max</c> (official) or <c>mean</c> over heads.</summary>
    public string HeadReduce { get; set; } = "max";

    /// <summary><c>product</c> (official), <c>cross-only</c>, <c>self-only</c> or <c>sum</c>.</summary>
    public string ScoreMode { get; set; } = "product";

    /// <summary>Whether the earlier of two tokens with equal scores goes first; otherwise their order is left open.</summary>
    public bool StableTies { get; set; } = true;

    /// <summary>Never fewer visual tokens than this.</summary>
    public int MinVisualTokens { get; set; }

    /// <summary>Rows of the attention map that the scorer holds at once where it reads the map itself (<see cref="ScoreDType"/> <c>compute</c>).</summary>
    public int RowBlock { get; set; } = 128;

    /// <summary>Whether images of a later chat turn are pruned as well.</summary>
    public bool PruneAppended { get; set; }

    /// <summary>The reduction asked for in percent, where no recipe is named.</summary>
    public double Percent() => ReductionRatio ?? (Reduction is { } r ? Math.Round(r * 100, 6) : DefaultPercent);

    public void Validate()
    {
        bool recipe = Recipe is { ValueKind: not (JsonValueKind.Null or JsonValueKind.Undefined) };
        if ((recipe ? 1 : 0) + (Reduction is null ? 0 : 1) + (ReductionRatio is null ? 0 : 1) > 1)
        {
            throw Error("give only one of Recipe, Reduction and ReductionRatio");
        }

        if (recipe && Recipe!.Value.ValueKind is not (JsonValueKind.String or JsonValueKind.Array))
        {
            throw Error($"Recipe must be a name, a file or a list of deletions per layer, not {Recipe.Value.GetRawText()}");
        }

        if (Reduction is { } reduction && !(reduction is >= 0 and < 1))
        {
            throw Error($"Reduction is {reduction}; give a fraction from 0 to below 1, such as 0.6");
        }

        if (ReductionRatio is { } ratio && ratio is < 0 or >= 100)
        {
            throw Error($"ReductionRatio is {ratio}; give a percentage from 0 to 99, such as 60");
        }

        OneOf(nameof(ScoreDType), ScoreDType, ["fp32", "compute"]);
        OneOf(nameof(HeadReduce), HeadReduce, ["max", "mean"]);
        OneOf(nameof(ScoreMode), ScoreMode, ["product", "cross-only", "self-only", "sum"]);
        if (MinVisualTokens < 0)
        {
            throw Error($"MinVisualTokens is {MinVisualTokens}; give 0 or more");
        }

        if (RowBlock <= 0)
        {
            throw Error($"RowBlock is {RowBlock}; give 1 or more, such as 128");
        }
    }

    internal static void OneOf(string option, string? value, string[] allowed)
    {
        if (!allowed.Contains(value))
        {
            throw Error($"{option} is '{value}'; it can be {string.Join(", ", allowed)}");
        }
    }

    internal static ApertureException Error(string message) => new($"{FitPruneFactory.MethodName}: {message}.");

    internal static IReadOnlyList<MethodOption> Describe() =>
    [
        new(nameof(Reduction), "number", "0.6", "Fraction of the visual tokens' FLOPs to save, 0 to below 1; picks the recipe beside the model "
            + "(fitprune/<percent>.fitprune.json) or the official one.") { Allowed = "0 to below 1" },
        new(nameof(ReductionRatio), "integer", "60", "The same in percent.") { Allowed = "0 to 99" },
        new(nameof(Recipe), "text or list of integers", "none", "An official recipe such as official:llava-v1.5-7b/60, a *.fitprune.json file, a printed "
            + "recipe {0: 14, 1: 33, …}, or deletions per layer."),
        new(nameof(ScaleToTokens), "true/false", "true", "Scale the recipe by the sample's visual tokens where they are not the recipe's: trunc(k * N / "
            + "base)."),
        new(nameof(ScaleToLayers), "true/false", "false", "Stretch a recipe of another number of layers over this model's."),
        new(nameof(ScoreDType), "text", "fp32", "fp32, or compute: the half-precision roundings of the official run.") { Allowed = "fp32, compute" },
        new(nameof(HeadReduce), "text", "max", "How heads become one map: max (official) or mean.") { Allowed = "max, mean" },
        new(nameof(ScoreMode), "text", "product", "product of text and visual attention (official), cross-only, self-only, or sum of both means.")
        {
            Allowed = "product, cross-only, self-only, sum",
        },
        new(nameof(StableTies), "true/false", "true", "Of equal scores the earlier token goes first; false leaves the order open."),
        new(nameof(MinVisualTokens), "integer", "0", "Never keep fewer visual tokens than this.") { Allowed = "0 or more" },
        new(nameof(RowBlock), "integer", "128", "Rows of the attention map held at once with ScoreDType compute; at least 1.") { Allowed = "1 or more" },
        new(nameof(PruneAppended), "true/false", "false", "Also prune images of later chat turns."),
    ];
}
