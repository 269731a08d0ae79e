namespace Aperture.Plugins.FitPrune.Calibration;

/// <summary>Binary search for the smallest alpha that meets the budget.</summary>
internal static class AlphaSearch
{
    /// <summary>The evaluations in order; at a width of 0.01 there are seven.</summary>
    public static IReadOnlyList<AlphaEvaluation> Run(Func<double, AlphaEvaluation> evaluate, double epsilon)
    {
        List<AlphaEvaluation> evaluations = [];
        double low = 0;
        double high = 1;
        while (high - low > epsilon + 1e-6)
        {
            AlphaEvaluation evaluation = evaluate((low + high) / 2);
            evaluations.Add(evaluation);
            if (evaluation.Reached)
            {
                high = evaluation.Alpha;
            }
            else
            {
                low = evaluation.Alpha;
            }
        }

        return evaluations;
    }

    /// <summary>
    /// The evaluation whose recipe is the result: the smallest alpha that met the budget, or officially the last one tried. Null if none met it.
    /// </summary>
    public static AlphaEvaluation? Choose(IReadOnlyList<AlphaEvaluation> evaluations, bool strict)
        => strict ? evaluations[^1] : evaluations.Where(e => e.Reached).MinBy(e => e.Alpha);

    /// <summary>
    /// Rounds averaged deletions up by largest remainder until the recipe itself saves the target; gives the rounded-down counts back where even all remainders
    /// do not reach it.
    /// </summary>
    public static int[] RoundToBudget(AlphaEvaluation evaluation, Budget budget, int visualTokens)
    {
        int[] counts = evaluation.Counts;
        double goal = ReferenceFlops.Unpruned(visualTokens, budget.Layers, budget.Hidden, budget.Intermediate) * (1 - budget.Reduction);
        IEnumerable<int> byRemainder = Enumerable.Range(0, counts.Length)
            .Where(l => evaluation.Averages[l] > counts[l])
            .OrderByDescending(l => evaluation.Averages[l] - counts[l]);
        foreach (int layer in byRemainder)
        {
            if (ReferenceFlops.Pruned(counts, visualTokens, budget.Hidden, budget.Intermediate) <= goal)
            {
                break;
            }

            counts[layer]++;
        }

        return counts;
    }
}
