using System.Text.Json.Serialization;

namespace Aperture.Training;

/// <summary>Length, batch, optimizer (AdamW) and rates of a training.</summary>
/// <param name="Steps">Steps, above 0.</param>
/// <param name="BatchSize">Samples a step, above 0.</param>
/// <param name="Rate">Peak learning rate.</param>
public sealed record TrainingPlan(int Steps, int BatchSize, double Rate)
{
    /// <summary>How the rate falls after the warm-up.</summary>
    public RateSchedule Schedule { get; init; } = RateSchedule.Cosine;

    /// <summary>Share of the steps over which the rate rises linearly from 0.</summary>
    public double WarmUp { get; init; } = 0.03;

    /// <summary>
    /// The rate of each step, from 0, for a recipe that neither <see cref="WarmUp"/> nor <see cref="Schedule"/> says; null for those. It must be the same
    /// whenever it is asked.
    /// </summary>
    public Func<int, double>? Rates { get; init; }

    /// <summary>Decay of the mean of gradients.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>Decay of the mean of squared gradients.</summary>
    public double Beta2 { get; init; } = 0.999;

    /// <summary>What keeps the quotient finite.</summary>
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>Weight decay, on parameters of two or more dimensions.</summary>
    public double WeightDecay { get; init; }

    /// <summary>The largest norm of all gradients together; 0 for no limit.</summary>
    public double LargestGradient { get; init; } = 1;

    /// <summary>Seed of parameters, samples and everything else that is drawn.</summary>
    public long Seed { get; init; } = 42;

    /// <summary>Checks ranges.</summary>
    /// <param name="method">The method's name, for the message.</param>
    /// <exception cref="ApertureException">A value is out of range.</exception>
    public void Validate(string method)
    {
        void Refuse(bool wrong, string option, object value, string range)
        {
            if (wrong)
            {
                throw new ApertureException(FormattableString.Invariant($"{method}: {option} {value} must be {range}."));
            }
        }

        Refuse(Steps < 1, nameof(Steps), Steps, "1 or more");
        Refuse(BatchSize < 1, nameof(BatchSize), BatchSize, "1 or more");
        Refuse(!(Rate > 0 && Rate < 10), nameof(Rate), Rate, "above 0 and below 10");
        Refuse(!(WarmUp is >= 0 and < 1), nameof(WarmUp), WarmUp, "0 or more and below 1");
        Refuse(!(Beta1 is >= 0 and < 1), nameof(Beta1), Beta1, "0 or more and below 1");
        Refuse(!(Beta2 is >= 0 and < 1), nameof(Beta2), Beta2, "0 or more and below 1");
        Refuse(!(Epsilon > 0), nameof(Epsilon), Epsilon, "above 0");
        Refuse(!(WeightDecay >= 0), nameof(WeightDecay), WeightDecay, "0 or more");
        Refuse(!(LargestGradient >= 0), nameof(LargestGradient), LargestGradient, "0 or more");
    }

    /// <summary>The learning rate of a step: a linear rise, then the schedule's fall towards 0.</summary>
    /// <param name="step">The step, from 0.</param>
    public double RateAt(int step)
    {
        if (Rates is { } own)
        {
            return own(step);
        }

        int rising = (int)Math.Ceiling(Steps * WarmUp);
        if (step < rising)
        {
            return Rate * (step + 1) / (rising + 1);
        }

        double done = (double)(step - rising) / Math.Max(1, Steps - rising);
        return Rate * Schedule switch
        {
            RateSchedule.Cosine => 0.5 * (1 + Math.Cos(Math.PI * done)),
            RateSchedule.Linear => 1 - done,
            _ => 1,
        };
    }
}

/// <summary>How a learning rate falls.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<RateSchedule>))]
public enum RateSchedule
{
    /// <summary>Half a cosine, down to 0.</summary>
    Cosine,

    /// <summary>A straight line, down to 0.</summary>
    Linear,

    /// <summary>It stays.</summary>
    Constant,
}
