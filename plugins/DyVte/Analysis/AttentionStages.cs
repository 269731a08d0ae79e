namespace Aperture.Plugins.DyVte.Analysis;

/// <summary>
/// Where a model's layers pass from one stage to the next: fast fusion of the modalities, modelling within each, reasoning over both (DyVTE, section 3). The
/// paper shows them in plots; the rule that finds them in numbers is ours, and only a guide.
/// </summary>
/// <param name="FusionEnd">First layer after the fast fusion: text pays the image less than half of its first peak; null if it never does.</param>
/// <param name="ReasoningStart">First layer of the reasoning: a valley of that attention, followed by a rise of a tenth; null if there is none.</param>
/// <param name="SuggestedExit">Last layer in which text still pays a visual token a fifth of what it pays at most in the last stage.</param>
internal sealed record AttentionStages(int? FusionEnd, int? ReasoningStart, int SuggestedExit)
{
    private const double FusionShare = 0.5, Rise = 1.1, ExitShare = 0.2;

    /// <summary>Finds the stages.</summary>
    /// <param name="mass">Attention of text rows on visual rows, by layer.</param>
    /// <param name="density">The same for one visual row.</param>
    public static AttentionStages Find(double[] mass, double[] density)
    {
        double[] smooth = Smooth(mass);
        int? fusionEnd = FindFusionEnd(smooth), reasoning = fusionEnd is { } end ? FindRise(smooth, end) : null;
        int from = reasoning ?? fusionEnd ?? 0;
        double peak = density[from..].Max();
        return new AttentionStages(fusionEnd, reasoning, Array.FindLastIndex(density, value => value > ExitShare * peak));
    }

    private static double[] Smooth(double[] values)
        => [.. values.Select((_, layer) => values[Math.Max(0, layer - 1)..Math.Min(values.Length, layer + 2)].Average())];

    private static int? FindFusionEnd(double[] smooth)
    {
        double peak = 0;
        for (int layer = 0; layer < smooth.Length; layer++)
        {
            peak = Math.Max(peak, smooth[layer]);
            if (smooth[layer] < FusionShare * peak)
            {
                return layer;
            }
        }

        return null;
    }

    private static int? FindRise(double[] smooth, int from)
    {
        int valley = from;
        for (int layer = from + 1; layer < smooth.Length; layer++)
        {
            if (smooth[layer] >= Rise * smooth[valley])
            {
                return valley;
            }

            valley = smooth[layer] < smooth[valley] ? layer : valley;
        }

        return null;
    }
}
