namespace Aperture.Measuring;

/// <summary>Summaries of repeated timings.</summary>
public static class Statistics
{
    /// <summary>The median; the mean of the middle two for an even number.</summary>
    /// <param name="values">At least one value.</param>
    public static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        int middle = sorted.Length / 2;
        return sorted.Length == 0 ? throw new ArgumentException("A median needs at least one value.", nameof(values))
            : sorted.Length % 2 == 1 ? sorted[middle]
            : (sorted[middle - 1] + sorted[middle]) / 2;
    }
}
