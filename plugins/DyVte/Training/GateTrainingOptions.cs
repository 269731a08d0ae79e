using Aperture.Plugins.DyVte.Gates;
using Aperture.Training;

namespace Aperture.Plugins.DyVte.Training;

/// <summary>What a user may set when training gates, beside what every training has.</summary>
// Settable, not init-only: source-generated JSON gives init-only properties that are absent no default value.
internal sealed record GateTrainingOptions : TrainingOptions
{
    public const double DefaultEpochs = 1;

    /// <summary>The official script's, on one device.</summary>
    public static TrainingPlan Defaults { get; } = new(1, 16, 6e-5);

    /// <summary>Hidden width of the gates.</summary>
    public int GateHidden { get; set; } = GateInitialisation.DefaultHidden;

    /// <summary>What gates read: <c>text</c> (official) or <c>all-text</c> (as the paper words it).</summary>
    public string GateInput { get; set; } = GateInputs.Text;

    /// <summary>Exit layers drawn for a step. The official code draws one.</summary>
    public int LayersPerStep { get; set; } = 1;

    /// <summary>
    /// <c>relative</c> (official): the cross entropy is held against the one without the exit. <c>absolute</c> (paper): against <see cref="CeThreshold"/>.
    /// </summary>
    public string LabelRule { get; set; } = "relative";

    /// <summary>Share of answer tokens that must agree, exceeded strictly.</summary>
    public double AgreeThreshold { get; set; } = 0.99;

    /// <summary>How many times the cross entropy without the exit the one with it may reach.</summary>
    public double CeRatio { get; set; } = 1.03;

    /// <summary>With <c>absolute</c>: what the cross entropy with the exit must stay below.</summary>
    public double? CeThreshold { get; set; }

    /// <summary>Gates to start from; null for fresh ones.</summary>
    public string? Gates { get; set; }

    /// <summary>Whether a whole checkpoint with the gates inside is written too, as published ones are laid out.</summary>
    public bool WholeCheckpoint { get; set; }

    /// <summary>The label rule that the options describe.</summary>
    public LabelRule Rule => new(AgreeThreshold, CeRatio, LabelRule == "absolute" ? CeThreshold : null);

    /// <inheritdoc />
    public override void Validate()
    {
        base.Validate();
        if (GateHidden is < 1 or > 1 << 16)
        {
            throw DyVteOptions.Error($"GateHidden is {GateHidden}; give a width such as {GateInitialisation.DefaultHidden}");
        }

        if (LayersPerStep < 1)
        {
            throw DyVteOptions.Error($"LayersPerStep is {LayersPerStep}; give 1 or more");
        }

        if (!(AgreeThreshold is >= 0 and < 1))
        {
            throw DyVteOptions.Error($"AgreeThreshold is {AgreeThreshold}; give a share from 0 to below 1, such as 0.99");
        }

        if (!(CeRatio > 0))
        {
            throw DyVteOptions.Error($"CeRatio is {CeRatio}; give a number above 0, such as 1.03");
        }

        DyVteOptions.OneOf(nameof(GateInput), GateInput, [GateInputs.Text, GateInputs.AllText]);
        DyVteOptions.OneOf(nameof(LabelRule), LabelRule, ["relative", "absolute"]);
        if (LabelRule == "absolute" != CeThreshold > 0)
        {
            throw DyVteOptions.Error(
                $"CeThreshold is {CeThreshold?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "not given"}; LabelRule absolute needs a "
                + "number above 0, LabelRule relative none");
        }
    }

    internal static IReadOnlyList<MethodOption> Describe() =>
    [
        .. Describe(Defaults, DefaultEpochs),
        new(nameof(GateHidden), "integer", "2048", "Hidden width of the gates; 64 suits a model of width 128."),
        new(nameof(GateInput), "text", "text", "text (official) or all-text (the mean takes the prefix in)."),
        new(nameof(LayersPerStep), "integer", "1", "Exit layers drawn for a step; one forward serves them all."),
        new(nameof(LabelRule), "text", "relative", "relative (official: cross entropy against CeRatio times the one without exit) or absolute (paper: "
            + "against CeThreshold)."),
        new(nameof(AgreeThreshold), "number", "0.99", "Share of answer tokens that must come out the same, exceeded strictly."),
        new(nameof(CeRatio), "number", "1.03", "With relative: the cross entropy with the exit stays below this many times the one without."),
        new(nameof(CeThreshold), "number", "none", "With absolute: the cross entropy with the exit stays below this."),
        new(nameof(Gates), "text", "none", "A gates file or checkpoint to start from; fresh gates by default."),
        new(nameof(WholeCheckpoint), "true/false", "false", "Also write a whole checkpoint with the gates inside, laid out like published ones."),
    ];
}
