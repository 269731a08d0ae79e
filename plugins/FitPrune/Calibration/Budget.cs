namespace Aperture.Plugins.FitPrune.Calibration;

/// <summary>The goal of a search and the sizes it is counted with.</summary>
/// <param name="Reduction">Fraction of the visual tokens' multiply-accumulates to save.</param>
/// <param name="Layers">Decoder layers.</param>
/// <param name="Hidden">Hidden width.</param>
/// <param name="Intermediate">Feed-forward width.</param>
/// <param name="Strict">Whether the last layer's work goes unchecked, as officially.</param>
internal sealed record Budget(double Reduction, int Layers, int Hidden, int Intermediate, bool Strict)
{
    /// <summary>
    /// Goes through the layers with all samples together and stops at the first layer where what was spent and what is forecast meet the budget: later layers
    /// delete nothing.
    /// </summary>
    /// <param name="alpha">The alpha of the passes.</param>
    /// <param name="passes">One a sample.</param>
    /// <param name="visualTokens">Each sample's visual tokens.</param>
    /// <param name="baseTokens">The number of visual tokens that counts are given for; samples with another number are scaled to it.</param>
    public AlphaEvaluation Evaluate(double alpha, IReadOnlyList<SamplePass> passes, IReadOnlyList<int> visualTokens, int baseTokens)
    {
        double samples = passes.Count;
        double unpruned = visualTokens.Sum(n => ReferenceFlops.Unpruned(n, Layers, Hidden, Intermediate)) / samples;
        double goal = unpruned * (1 - Reduction);
        long[] left = [.. visualTokens.Select(n => (long)n)];
        double[] counts = new double[Layers];
        double[] forecast = new double[Layers];
        Array.Fill(forecast, -1);
        long used = 0;
        for (int layer = 0; layer < Layers; layer++)
        {
            long rest = 0;
            foreach (long n in left)
            {
                used = checked(used + ReferenceFlops.BeforeCut(n, Hidden));
                rest = checked(rest + ReferenceFlops.Rest(n, layer, Layers, Hidden, Intermediate));
            }

            double expected = checked(used + rest) / samples;
            forecast[layer] = expected / unpruned;
            if (expected <= goal)
            {
                return new AlphaEvaluation(alpha, true, layer, Averages(counts, samples), forecast);
            }

            for (int s = 0; s < left.Length; s++)
            {
                int deleted = passes[s].Deleted[layer];
                counts[layer] += visualTokens[s] == baseTokens ? deleted : (double)deleted * baseTokens / visualTokens[s];
                left[s] -= deleted;
                used = checked(used + ReferenceFlops.AfterCut(left[s], Hidden, Intermediate));
            }
        }

        return new AlphaEvaluation(alpha, !Strict && used / samples <= goal, Layers, Averages(counts, samples), forecast);
    }

    private static double[] Averages(double[] counts, double samples) => Array.ConvertAll(counts, c => c / samples);
}
