using System.Diagnostics;
using System.Globalization;

namespace Aperture.Training;

/// <summary>Averages what steps report and writes it, line by line, into a file and to whoever listens.</summary>
internal sealed class TrainingLog(string path, string name, int steps, IProgress<TrainingProgress>? progress)
{
    private readonly Stopwatch _elapsed = Stopwatch.StartNew();
    private readonly SortedDictionary<string, (double Sum, int Count)> _metrics = new(StringComparer.Ordinal);
    private double _loss;
    private int _losses;

    /// <summary>Writes a line.</summary>
    public void Write(string line) => File.AppendAllText(path, line + Environment.NewLine);

    /// <summary>Adds what one step reports; numbers that are not finite are left out of the means.</summary>
    public void Add(double? loss, IReadOnlyDictionary<string, double> metrics)
    {
        if (loss is { } value && double.IsFinite(value))
        {
            _loss += value;
            _losses++;
        }

        foreach ((string metric, double number) in metrics.Where(pair => double.IsFinite(pair.Value)))
        {
            (double sum, int count) = _metrics.GetValueOrDefault(metric);
            _metrics[metric] = (sum + number, count + 1);
        }
    }

    /// <summary>Writes the means since the last report, and scores behind them.</summary>
    /// <param name="done">Steps done.</param>
    /// <param name="scores">Scores by name; null where this report comes without any.</param>
    public void Report(int done, IReadOnlyDictionary<string, double>? scores = null)
    {
        double loss = _losses == 0 ? double.NaN : _loss / _losses;
        Dictionary<string, double> numbers = _metrics.ToDictionary(pair => pair.Key, pair => pair.Value.Sum / pair.Value.Count);
        foreach ((string score, double number) in scores ?? new Dictionary<string, double>())
        {
            numbers[score] = number;
        }

        string text = string.Concat(numbers.Select(number => string.Create(CultureInfo.InvariantCulture, $"  {number.Key} {number.Value:0.####}")));
        Write(string.Create(CultureInfo.InvariantCulture, $"{name} {done}/{steps}  {_elapsed.Elapsed.TotalSeconds:0} s  loss {loss:0.0000}{text}"));
        progress?.Report(new TrainingProgress(name, done, steps, loss, _elapsed.Elapsed, numbers.Count == 0 ? null : numbers));
        (_loss, _losses) = (0, 0);
        _metrics.Clear();
    }
}
