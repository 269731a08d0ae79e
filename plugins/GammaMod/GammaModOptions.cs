using System.Text.Json;

namespace Aperture.Plugins.GammaMod;

/// <summary>What a user may set. Defaults are the official evaluation code's.</summary>
// Settable, not init-only: source-generated JSON gives init-only properties that are absent no default value.
internal sealed record GammaModOptions : IMethodOptions
{
    /// <summary>Probability above which a token of a prompt runs a layer, where nothing is said.</summary>
    public const double DefaultPrefillThreshold = 0.005;

    private static readonly string[] _positionPolicies = ["Compact", "AbsoluteGlobal"], _forced = ["none", "last", "question"];

    /// <summary>The MoD layers: a list, or the name of a mode; null for the checkpoint's.</summary>
    public JsonElement? Layers { get; set; }

    /// <summary>A file with router weights; null for the checkpoint's own or <c>gamma-mod/router.safetensors</c> beside it.</summary>
    public string? Weights { get; set; }

    /// <summary>A token of a prompt runs a layer if its probability is above this; null for 0.005.</summary>
    public double? PrefillThreshold { get; set; }

    /// <summary>A generated token runs a layer if its probability is not below this; null for 0.5, and 0 for Mini-Gemini.</summary>
    public double? DecodeThreshold { get; set; }

    /// <summary>The share of a prompt's tokens that runs a layer, those of highest probability, in place of a threshold; null for the threshold.</summary>
    public double? TopKRatio { get; set; }

    /// <summary>
    /// <c>Compact</c>: a generated token continues its layer's own numbering. <c>AbsoluteGlobal</c>: it has the position it has in the dense layers.
    /// </summary>
    public string PositionPolicy { get; set; } = "Compact";

    /// <summary>Whether the feed-forward branch is weighted by the probability, as trained.</summary>
    public bool WeightMlp { get; set; } = true;

    /// <summary>Whether the attention branch is too, as the paper has it and the code has not.</summary>
    public bool WeightAttention { get; set; }

    /// <summary>Tokens of a prompt that run whatever the router says: <c>none</c>, <c>last</c>, or <c>question</c> for all text behind the image.</summary>
    public string ForceTokens { get; set; } = "none";

    public void Validate()
    {
        if (Layers is { ValueKind: not (JsonValueKind.String or JsonValueKind.Array or JsonValueKind.Null or JsonValueKind.Undefined) } layers)
        {
            throw GammaModFactory.Error($"Layers must be a list of layers or a mode ({string.Join(", ", LayerModes.Names)}), not {layers.GetRawText()}");
        }

        if (PrefillThreshold is { } prefill && !(prefill is >= 0 and < 1))
        {
            throw GammaModFactory.Error($"PrefillThreshold is {prefill}; give a probability from 0 to below 1, such as 0.005");
        }

        if (DecodeThreshold is { } decode && !(decode is >= 0 and <= 1))
        {
            throw GammaModFactory.Error($"DecodeThreshold is {decode}; give a probability from 0 to 1, such as 0.5");
        }

        if (TopKRatio is { } ratio && !(ratio is > 0 and <= 1))
        {
            throw GammaModFactory.Error($"TopKRatio is {ratio}; give a share above 0, at most 1");
        }

        if (TopKRatio is not null && PrefillThreshold is not null)
        {
            throw GammaModFactory.Error("PrefillThreshold and TopKRatio both choose the tokens of a prompt; give one of them");
        }

        OneOf(nameof(PositionPolicy), PositionPolicy, _positionPolicies);
        OneOf(nameof(ForceTokens), ForceTokens, _forced);
    }

    internal static bool Is(string value, string other) => string.Equals(value, other, StringComparison.OrdinalIgnoreCase);

    internal static void OneOf(string option, string value, string[] allowed)
    {
        if (!allowed.Any(one => Is(one, value)))
        {
            throw GammaModFactory.Error($"{option} is '{value}'; it can be {string.Join(", ", allowed)}");
        }
    }

    internal static IReadOnlyList<MethodOption> Describe() =>
    [
        new(nameof(Layers), "list of integers or text", "the checkpoint's", $"Layers that tokens may skip, or a mode: {string.Join(", ", LayerModes.Names)}."),
        new(nameof(Weights), "text", "the checkpoint's", $"A file with router weights; by default the checkpoint's own, else {RouterLookup.File} in the "
            + "model's folder."),
        new(nameof(PrefillThreshold), "number", "0.005", "A token of a prompt runs a layer if its probability is above this; 0 to below 1.")
        {
            Allowed = "0 to below 1",
        },
        new(nameof(DecodeThreshold), "number", "0.5; 0 for Mini-Gemini", "A generated token runs a layer if its probability is at least this; 0 to 1.")
        {
            Allowed = "0 to 1",
        },
        new(nameof(TopKRatio), "number", "none", "Instead of a threshold: the share of a prompt's tokens that runs, those of highest probability; above 0, "
            + "at most 1.") { Allowed = "above 0, up to 1" },
        new(nameof(PositionPolicy), "text", "Compact", "Position of a generated token in a layer that skips: Compact (it continues that layer's numbering) "
            + "or AbsoluteGlobal.") { Allowed = "Compact, AbsoluteGlobal" },
        new(nameof(WeightMlp), "true/false", "true", "Weight the feed-forward branch by the probability, as trained."),
        new(nameof(WeightAttention), "true/false", "false", "Weight the attention branch too (the paper's formula; published checkpoints were trained "
            + "without)."),
        new(nameof(ForceTokens), "text", "none", "Tokens of a prompt that always run: none, last, or question (all text behind the image).")
        {
            Allowed = "none, last, question",
        },
    ];
}
