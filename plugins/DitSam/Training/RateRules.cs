using System.Text.Json.Serialization;

namespace Aperture.Plugins.DitSam.Training;

/// <summary>How the learning rate goes.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<RateRule>))]
internal enum RateRule
{
    /// <summary>From the warm-up's rate up to the full one over some epochs, then half a cosine down to the least (the published recipe).</summary>
    WarmCosine,

    /// <summary>Up from 0 over some epochs, then less by a factor from given epochs on.</summary>
    Step,

    /// <summary>Half a cosine down to 0.</summary>
    Cosine,

    /// <summary>As the shared options Schedule and WarmUp say.</summary>
    Shared,
}

/// <summary>The published rules, by step.</summary>
internal static class RateRules
{
    /// <summary>Warm-up and cosine.</summary>
    /// <param name="step">The step, from 0.</param>
    /// <param name="rising">Steps of the warm-up.</param>
    /// <param name="steps">All steps.</param>
    /// <param name="rates">The rate at the beginning, the full one, and the least.</param>
    public static double WarmCosine(int step, double rising, double steps, (double First, double Full, double Least) rates)
        => step < rising
            ? rates.First + (step * (rates.Full - rates.First) / rising)
            : rates.Least + (0.5 * (rates.Full - rates.Least) * (1 + Math.Cos(Math.PI * (step - rising) / (steps - rising))));

    /// <summary>Warm-up and steps down.</summary>
    /// <param name="step">The step, from 0.</param>
    /// <param name="rising">Steps of the warm-up.</param>
    /// <param name="full">The full rate.</param>
    /// <param name="falls">The steps from which the rate is less, ascending.</param>
    /// <param name="factor">By which factor each time.</param>
    public static double Step(int step, double rising, double full, IReadOnlyList<double> falls, double factor)
        => step <= rising ? full * step / (rising + 1) : full * Math.Pow(factor, falls.Count(fall => step >= fall));

    /// <summary>Half a cosine.</summary>
    /// <param name="step">The step, from 0.</param>
    /// <param name="steps">All steps.</param>
    /// <param name="full">The rate at the beginning.</param>
    public static double Cosine(int step, double steps, double full) => full * 0.5 * (1 + Math.Cos(Math.PI * step / steps));
}
