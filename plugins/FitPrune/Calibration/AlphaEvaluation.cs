namespace Aperture.Plugins.FitPrune.Calibration;

/// <summary>What one alpha gives.</summary>
/// <param name="Alpha">The fraction of attention that may be lost.</param>
/// <param name="Reached">Whether the budget is met.</param>
/// <param name="StoppedAt">The layer at whose beginning it was; the number of layers if at none.</param>
/// <param name="Averages">Per layer the mean deletions of a sample.</param>
/// <param name="Forecast">Per layer what was spent and is forecast, as a fraction of the un-pruned work; -1 behind the stop.</param>
internal sealed record AlphaEvaluation(double Alpha, bool Reached, int StoppedAt, double[] Averages, double[] Forecast)
{
    /// <summary>The recipe: averages rounded down.</summary>
    public int[] Counts => Array.ConvertAll(Averages, a => (int)Math.Floor(a));
}
