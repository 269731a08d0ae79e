using System.Globalization;
using Aperture.Plugins;

namespace Aperture.Training;

/// <summary>The options that every trained method shares; a method's own record adds to them. What is not given is the method's default.</summary>
public abstract record TrainingOptions : IMethodOptions
{
    /// <summary>Steps; null for <see cref="Epochs"/>.</summary>
    public int? Steps { get; set; }

    /// <summary>Passes over the samples, where <see cref="Steps"/> is not given.</summary>
    public double? Epochs { get; set; }

    /// <summary>Samples a step.</summary>
    public int? BatchSize { get; set; }

    /// <summary>Peak learning rate.</summary>
    public double? Rate { get; set; }

    /// <summary>How the rate falls.</summary>
    public RateSchedule? Schedule { get; set; }

    /// <summary>Share of the steps over which the rate rises.</summary>
    public double? WarmUp { get; set; }

    /// <summary>Weight decay.</summary>
    public double? WeightDecay { get; set; }

    /// <summary>The largest norm of all gradients together; 0 for no limit.</summary>
    public double? LargestGradient { get; set; }

    /// <summary>Seed.</summary>
    public long? Seed { get; set; }

    /// <inheritdoc />
    public virtual void Validate()
    {
        if (Epochs is { } epochs && !(epochs > 0 && epochs <= 10_000))
        {
            throw new ApertureException(FormattableString.Invariant($"Epochs {epochs} must be above 0, at most 10000."));
        }

        if (Steps is not null && Epochs is not null)
        {
            throw new ApertureException("Steps and Epochs both say how long to train; give one of them.");
        }
    }

    /// <summary>The plan that these options ask for.</summary>
    /// <param name="method">The method's name, for messages.</param>
    /// <param name="defaults">The method's defaults.</param>
    /// <param name="epochs">The method's default number of passes.</param>
    /// <param name="samples">Number of samples.</param>
    /// <exception cref="ApertureException">A value is out of range.</exception>
    public TrainingPlan Plan(string method, TrainingPlan defaults, double epochs, int samples)
    {
        int batch = BatchSize ?? defaults.BatchSize;
        int batches = Math.Max(1, samples / Math.Max(1, batch));
        TrainingPlan plan = defaults with
        {
            Steps = Steps ?? (int)Math.Min(int.MaxValue, Math.Max(1, Math.Round(batches * (Epochs ?? epochs)))),
            BatchSize = batch,
            Rate = Rate ?? defaults.Rate,
            Schedule = Schedule ?? defaults.Schedule,
            WarmUp = WarmUp ?? defaults.WarmUp,
            WeightDecay = WeightDecay ?? defaults.WeightDecay,
            LargestGradient = LargestGradient ?? defaults.LargestGradient,
            Seed = Seed ?? defaults.Seed,
        };
        plan.Validate(method);
        return plan;
    }

    /// <summary>How the shared options show in a method's list.</summary>
    /// <param name="defaults">The method's defaults.</param>
    /// <param name="epochs">The method's default number of passes.</param>
    public static IReadOnlyList<MethodOption> Describe(TrainingPlan defaults, double epochs)
    {
        string Text(double value) => value.ToString(CultureInfo.InvariantCulture);
        return
        [
            new(nameof(Steps), "integer", "none", "Steps of training; instead of Epochs."),
            new(nameof(Epochs), "number", Text(epochs), "Passes over the samples."),
            new(nameof(BatchSize), "integer", Text(defaults.BatchSize), "Samples a step."),
            new(nameof(Rate), "number", Text(defaults.Rate), "Peak learning rate."),
            new(nameof(Schedule), "text", defaults.Schedule.ToString(), "How the rate falls: Cosine, Linear or Constant."),
            new(nameof(WarmUp), "number", Text(defaults.WarmUp), "Share of the steps over which the rate rises from 0."),
            new(nameof(WeightDecay), "number", Text(defaults.WeightDecay), "Decay of matrices."),
            new(nameof(LargestGradient), "number", Text(defaults.LargestGradient), "Largest norm of all gradients together; 0 for no limit."),
            new(nameof(Seed), "integer", Text(defaults.Seed), "Seed of all that is drawn."),
        ];
    }
}
