namespace Aperture.Plugins.FitPrune.Calibration;

/// <summary>
/// What one sample deletes in every layer at one alpha. Samples meet only in the rule that stops at the budget, so a pass holds whatever the target is and
/// serves them all.
/// </summary>
internal sealed record SamplePass
{
    public int Sample { get; init; }

    public double Alpha { get; init; }

    /// <summary>Per layer how many tokens the cross threshold lets go.</summary>
    public int[] CrossAllowed { get; init; } = [];

    /// <summary>Per layer how many tokens the self threshold lets go.</summary>
    public int[] SelfAllowed { get; init; } = [];

    /// <summary>Per layer how many tokens stand in both sets and went.</summary>
    public int[] Deleted { get; init; } = [];
}
