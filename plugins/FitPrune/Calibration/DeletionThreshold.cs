namespace Aperture.Plugins.FitPrune.Calibration;

/// <summary>How many of the smallest values may go while the rest still sums to a target.</summary>
internal static class DeletionThreshold
{
    /// <summary>The sum, taken from the largest value down: the same order in which <see cref="Allowed"/> sums.</summary>
    public static double Total(double[] values) => SumsOfRest(Sorted(values))[0];

    /// <summary>The largest number of smallest values whose removal leaves at least the target; 0 if the whole sum falls short, and never all values.</summary>
    /// <param name="values">The values, in any order.</param>
    /// <param name="target">What the rest must sum to.</param>
    public static int Allowed(double[] values, double target)
    {
        double[] rest = SumsOfRest(Sorted(values));
        int low = 0; // rest[low] >= target, or low is 0
        int high = values.Length; // rest[high] < target, or high is past the last that may be asked
        while (high - low > 1)
        {
            int middle = (low + high) / 2;
            if (rest[middle] >= target)
            {
                low = middle;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }

    private static double[] Sorted(double[] values)
    {
        double[] sorted = [.. values];
        Array.Sort(sorted);
        return sorted;
    }

    /// <summary>rest[i]: what is left without the i smallest.</summary>
    private static double[] SumsOfRest(double[] sorted)
    {
        double[] rest = new double[sorted.Length + 1];
        for (int i = sorted.Length - 1; i >= 0; i--)
        {
            rest[i] = rest[i + 1] + sorted[i];
        }

        return rest;
    }
}
