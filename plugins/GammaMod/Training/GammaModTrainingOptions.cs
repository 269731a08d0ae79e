using System.Text.Json;
using Aperture.Training;

namespace Aperture.Plugins.GammaMod.Training;

/// <summary>What a user may set when training. Defaults are the official second stage's.</summary>
// Settable, not init-only: source-generated JSON gives init-only properties that are absent no default value.
internal sealed record GammaModTrainingOptions : TrainingOptions
{
    public const double DefaultEpochs = 1;

    private static readonly string[] _parts = ["all", "routers"], _variants = ["llava", "mgm"];

    /// <summary>Batch and rates of the official script.</summary>
    public static TrainingPlan Defaults { get; } = new(1, 128, 2e-5);

    /// <summary>
    /// The MoD layers: a list, or the name of a mode; null for the checkpoint's, those that <c>aperture fit</c> found, or the published models' mode.
    /// </summary>
    public JsonElement? Layers { get; set; }

    /// <summary><c>all</c>: decoder, projector and router, as officially; <c>routers</c>: the router alone, the model frozen.</summary>
    public string Train { get; set; } = "all";

    /// <summary>Share of the prefix (system prompt and image) that skips, ρ.</summary>
    public double TrainSkipRatio { get; set; } = 0.5;

    /// <summary>Rows of the prefix; null takes each sample's rows up to the end of its image.</summary>
    public int? PrefixLength { get; set; }

    /// <summary>Weight of the router's own loss.</summary>
    public double AuxLossCoef { get; set; } = 0.01;

    /// <summary>Factor on the learning rate of the router.</summary>
    public double RouterRate { get; set; } = 1;

    /// <summary><c>llava</c> or <c>mgm</c> (Mini-Gemini's rules for short sequences and its initial values); null for the checkpoint's.</summary>
    public string? Variant { get; set; }

    public override void Validate()
    {
        base.Validate();
        if (!(TrainSkipRatio is >= 0 and < 1))
        {
            throw GammaModFactory.Error($"TrainSkipRatio is {TrainSkipRatio}; give a share from 0 to below 1, such as 0.5");
        }

        if (PrefixLength is < 1)
        {
            throw GammaModFactory.Error($"PrefixLength is {PrefixLength}; give 1 or more, or leave it out to take each sample's own");
        }

        if (!(AuxLossCoef >= 0 && double.IsFinite(AuxLossCoef)))
        {
            throw GammaModFactory.Error($"AuxLossCoef is {AuxLossCoef}; give 0 or more, such as 0.01");
        }

        if (!(RouterRate > 0 && double.IsFinite(RouterRate)))
        {
            throw GammaModFactory.Error($"RouterRate is {RouterRate}; give a factor above 0, such as 1");
        }

        GammaModOptions.OneOf(nameof(Train), Train, _parts);
        if (Variant is { } variant)
        {
            GammaModOptions.OneOf(nameof(Variant), variant, _variants);
        }
    }

    internal static IReadOnlyList<MethodOption> Describe() =>
    [
        new(nameof(Train), "text", "all", "all: decoder, projector and router, as officially; routers: the router alone, the model frozen."),
        new(nameof(Layers), "list of integers or text", "the checkpoint's, or fitted ones, or arank_mod", "Layers that tokens may skip, or a mode: "
            + $"{string.Join(", ", LayerModes.Names)}."),
        new(nameof(TrainSkipRatio), "number", "0.5", "Share of the prefix (system prompt and image) that skips; 0 to below 1. Published: 0.34 and 0.5."),
        new(nameof(PrefixLength), "integer", "each sample's own", "Rows of the prefix; officially a constant: 611 (LLaVA), 1059 (LLaVA-HR), 2880 "
            + "(Mini-Gemini)."),
        new(nameof(AuxLossCoef), "number", "0.01", "Weight of the router's own loss; 0 or more."),
        new(nameof(RouterRate), "number", "1", "Factor on the router's learning rate; above 0."),
        new(nameof(Variant), "text", "the checkpoint's", "llava or mgm: Mini-Gemini's rule for short sequences and its initial values."),
        .. TrainingOptions.Describe(Defaults, DefaultEpochs),
    ];
}
