using Aperture.Measuring;

namespace Aperture.Plugins.DyVte.Analysis;

/// <summary>One measured quantity by layer and column, over samples.</summary>
/// <param name="Name">What it is.</param>
/// <param name="Columns">What the columns stand for.</param>
/// <param name="Mean">Mean by layer and column; NaN where nothing was measured.</param>
/// <param name="Deviation">Standard deviation likewise.</param>
internal sealed record MetricSeries(string Name, IReadOnlyList<string> Columns, double[][] Mean, double[][] Deviation)
{
    /// <summary>The means of one column, by layer.</summary>
    /// <param name="column">The column.</param>
    public double[] Column(string column)
    {
        int index = Columns.ToList().IndexOf(column);
        return [.. Mean.Select(row => row[index])];
    }

    /// <summary>Means and deviations of samples.</summary>
    /// <param name="name">What it is.</param>
    /// <param name="columns">What the columns stand for.</param>
    /// <param name="samples">Per sample the values by layer and column.</param>
    public static MetricSeries Of(string name, IReadOnlyList<string> columns, IReadOnlyList<double[][]> samples)
    {
        int layers = samples[0].Length;
        double[][] mean = new double[layers][], deviation = new double[layers][];
        for (int layer = 0; layer < layers; layer++)
        {
            (mean[layer], deviation[layer]) = (new double[columns.Count], new double[columns.Count]);
            for (int column = 0; column < columns.Count; column++)
            {
                double[] values = [.. samples.Select(sample => sample[layer][column]).Where(double.IsFinite)];
                double average = values.Length == 0 ? double.NaN : values.Average();
                mean[layer][column] = average;
                deviation[layer][column] = values.Length == 0 ? double.NaN : Math.Sqrt(values.Average(value => (value - average) * (value - average)));
            }
        }

        return new MetricSeries(name, columns, mean, deviation);
    }
}
