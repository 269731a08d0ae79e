using Aperture.Measuring;

namespace Aperture.Plugins.GammaMod.Calibration;

/// <summary>What a user may set when ranking layers.</summary>
// Settable, not init-only: source-generated JSON gives init-only properties that are absent no default value.
internal sealed record ArankOptions : IMethodOptions
{
    /// <summary>Layers whose ARank is below this become MoD layers; null for <see cref="KeepDense"/>.</summary>
    public double? Threshold { get; set; }

    /// <summary>As many layers of highest ARank stay dense.</summary>
    public int? KeepDense { get; set; }

    /// <summary>How many samples to use; fewer if there are fewer.</summary>
    public int Samples { get; set; } = 50;

    /// <summary>The file to write; null means <c>gamma-mod/arank.json</c> in the output folder.</summary>
    public string? Output { get; set; }

    /// <summary>The file of measured samples; null means <c>gamma-mod/arank-samples.json</c> in the output folder.</summary>
    public string? Statistics { get; set; }

    public void Validate()
    {
        if (Threshold is { } threshold && !(threshold > 0 && double.IsFinite(threshold)))
        {
            throw GammaModFactory.Error($"Threshold is {threshold}; give a rank above 0, such as 110");
        }

        if (KeepDense is < 1)
        {
            throw GammaModFactory.Error($"KeepDense is {KeepDense}; give 1 or more, such as 4");
        }

        if (Threshold is not null && KeepDense is not null)
        {
            throw GammaModFactory.Error("Threshold and KeepDense both choose the layers; give one of them");
        }

        if (Samples < 1)
        {
            throw GammaModFactory.Error($"Samples is {Samples}; give 1 or more, such as 50");
        }
    }

    internal static IReadOnlyList<MethodOption> Describe() =>
    [
        new(nameof(KeepDense), "integer", "4", "As many layers of highest ARank stay dense; at least 1."),
        new(nameof(Threshold), "number", "none", "Instead: layers with an ARank below this may be skipped (the paper's figure: 110)."),
        new(nameof(Samples), "integer", "50", "Samples to measure; at least 1."),
        new(nameof(Output), "text", ArankFile.Place, "The file to write."),
        new(nameof(Statistics), "text", ArankSamples.Place, "Measured samples, read to go on and written after every one."),
    ];
}
