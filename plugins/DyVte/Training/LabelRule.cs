namespace Aperture.Plugins.DyVte.Training;

/// <summary>When a gate ought to have fired (spec sections 3.7 and 4.3).</summary>
/// <param name="AgreeThreshold">Share of answer tokens that must come out the same with the exit and without, exceeded strictly.</param>
/// <param name="CeRatio">The cross entropy with the exit must stay below this many times the one without.</param>
/// <param name="CeThreshold">As the paper words it, the cross entropy with the exit must stay below this value instead; null for the official ratio.</param>
internal sealed record LabelRule(double AgreeThreshold = 0.99, double CeRatio = 1.03, double? CeThreshold = null)
{
    /// <summary>Whether the exit is right for an answer.</summary>
    public bool Exits(AnswerComparison answer)
        => answer.Agreement > AgreeThreshold && (CeThreshold is { } absolute ? answer.CeChanged < absolute : answer.CeChanged < (float)CeRatio * answer.CeFull);
}
