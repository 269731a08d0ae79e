using System.ComponentModel.DataAnnotations;

namespace Aperture.Plugins.LlavaHr;

/// <summary>What a user may set about the encoder of two towers.</summary>
// Settable, not init-only: source-generated JSON gives init-only properties that are absent no default value.
internal sealed record LlavaHrOptions : IMethodOptions
{
    /// <summary>Side in pixels that pictures are made into; the checkpoint's own by default.</summary>
    [Range(32, 8192)]
    public int? InputImageSize { get; set; }

    /// <summary>The smallest side in pixels that the low-resolution tower sees; the checkpoint's min_fast_size by default, or 336, as published.</summary>
    [Range(14, 4096)]
    public int? MinFastSize { get; set; }

    /// <summary>Which ConvNeXt the high-resolution tower is; what vision_tower_slow names by default.</summary>
    [AllowedValues(null, "Large", "XXLarge")]
    public string? SlowVariant { get; set; }

    /// <summary>Whether the three MR-Adapters act; by default unless the checkpoint says freeze_vision.</summary>
    public bool? EnableAdapters { get; set; }

    /// <summary>What stands in for every adapter's gate, for diagnoses: 0 keeps high resolution out of the blocks.</summary>
    [Range(-1.0, 1.0)]
    public double? GateOverride { get; set; }

    /// <summary>What a picture becomes before it is resized; the checkpoint's image_aspect_ratio by default.</summary>
    [AllowedValues(null, "Pad", "CropShortest")]
    public string? PadMode { get; set; }

    /// <summary>How the position table is made to fit; Bicubic differs from the published numbers.</summary>
    [AllowedValues("BicubicAA", "Bicubic")]
    public string PositionResample { get; set; } = "BicubicAA";

    /// <summary>What the low-resolution picture is made of: the high-resolution pixels, as published, or the photograph itself.</summary>
    [AllowedValues("FromTensor", "FromPhoto")]
    public string LowResSource { get; set; } = "FromTensor";

    /// <summary>Element type that the high-resolution tower computes in; the model's by default.</summary>
    [AllowedValues(null, "float16", "bfloat16", "float32")]
    public string? SlowDtype { get; set; }

    /// <summary>Added to the variance in the ConvNeXt's norms, above 0; 1e-6 for Large and 1e-5 for XXLarge by default.</summary>
    public double? ConvNextEps { get; set; }

    public void Validate()
    {
        if (ConvNextEps is { } epsilon && !(epsilon > 0 && double.IsFinite(epsilon)))
        {
            throw LlavaHrFactory.Error(FormattableString.Invariant($"ConvNextEps is {epsilon}; it must be above 0"));
        }

        if (MinFastSize is { } side)
        {
            HighResolution.CheckMinimum(side, "MinFastSize");
        }
    }
}

/// <summary>What a user may set about the high-resolution tower alone.</summary>
internal sealed record ConvNextTowerOptions : IMethodOptions
{
    /// <summary>Side in pixels that pictures are made into; the checkpoint's own by default.</summary>
    [Range(32, 8192)]
    public int? InputImageSize { get; set; }

    /// <summary>Added to the variance in the norms, above 0; 1e-6 for Large and 1e-5 for XXLarge by default.</summary>
    public double? ConvNextEps { get; set; }

    public void Validate()
    {
        if (ConvNextEps is { } epsilon && !(epsilon > 0 && double.IsFinite(epsilon)))
        {
            throw ConvNextTowerFactory.Error(FormattableString.Invariant($"ConvNextEps is {epsilon}; it must be above 0"));
        }
    }
}
