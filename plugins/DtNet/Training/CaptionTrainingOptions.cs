using System.ComponentModel.DataAnnotations;
using Aperture.Plugins.DtNet.Data;
using Aperture.Plugins.DtNet.Paths;
using Aperture.Training;

namespace Aperture.Plugins.DtNet.Training;

/// <summary>What a user may set when training a DTNet.</summary>
internal sealed record CaptionTrainingOptions : TrainingOptions
{
    private const int CrossEntropyBatch = 50, SelfCriticalBatch = 20, MostBeams = 50, MostTokens = 1000;
    private const double CrossEntropyRate = 1e-4, SelfCriticalRate = 5e-6;

    /// <summary>Cross-entropy on people's captions, or self-critical training behind it.</summary>
    public TrainingStage Stage { get; set; } = TrainingStage.CrossEntropy;

    /// <inheritdoc cref="DtNetOptions.Vocabulary"/>
    public string? Vocabulary { get; set; }

    /// <inheritdoc cref="DtNetOptions.Features"/>
    public string? Features { get; set; }

    /// <inheritdoc cref="DtNetOptions.FeatureKey"/>
    public FeatureKey FeatureKey { get; set; } = FeatureKey.Auto;

    /// <inheritdoc cref="DtNetOptions.Tower"/>
    public string? Tower { get; set; }

    /// <summary>How captions are cut into words.</summary>
    public WordSplitting Words { get; set; } = WordSplitting.Treebank;

    /// <summary>Fraction that is set to zero.</summary>
    [Range(0.0, 0.99)]
    public double Dropout { get; set; } = 0.1;

    /// <summary>Whether grid vectors are changed for training: noise, pooling, cropping, turning.</summary>
    public bool Augment { get; set; } = true;

    /// <summary>Whether the rates are the official ones of each epoch; else Rate, WarmUp and Schedule say them.</summary>
    public bool OfficialRates { get; set; } = true;

    /// <summary>What is made of the routers' weights: Soft as published, Static or Random for comparison.</summary>
    public RouteMode Route { get; set; } = RouteMode.Soft;

    /// <summary>Self-critical: beams, which are held against each other.</summary>
    [Range(2, MostBeams)]
    public int Beams { get; set; } = 5;

    /// <summary>Tokens of a caption at most, its end among them; longer ones are cut.</summary>
    [Range(2, MostTokens)]
    public int LongestCaption { get; set; } = DtNetCaptioner.UsualCaption;

    /// <summary>Whether the trained model is written in half precision.</summary>
    public bool SaveHalf { get; set; }

    internal bool IsSelfCritical => Stage == TrainingStage.SelfCritical;

    private TrainingPlan Defaults => DefaultsOf(IsSelfCritical);

    private double UsualEpochs => EpochsOf(IsSelfCritical);

    public override void Validate()
    {
        base.Validate();
        if (Route is not (RouteMode.Soft or RouteMode.Static or RouteMode.Random))
        {
            throw new ApertureException($"{DtNetFactory.CaptionerName}: Route is {Route}; training takes Soft, Static or Random.");
        }

        if (OfficialRates && (Schedule is not null || WarmUp is not null))
        {
            throw new ApertureException(
                $"{DtNetFactory.CaptionerName}: {(Schedule is not null ? nameof(Schedule) : nameof(WarmUp))} says how rates change, but OfficialRates gives "
                + "each epoch's; set OfficialRates to false.");
        }
    }

    internal static IReadOnlyList<MethodOption> Describe()
    {
        HashSet<string> shared = [.. TrainingOptions.Describe(DefaultsOf(false), EpochsOf(false)).Select(option => option.Name)];
        return
        [
            .. TrainingOptions.Describe(DefaultsOf(false), EpochsOf(false)),
            .. MethodOptions.Describe(DtNetJson.Default.CaptionTrainingOptions).Where(option => !shared.Contains(option.Name)),
        ];
    }

    /// <summary>The plan for so many samples.</summary>
    internal TrainingPlan PlanFor(int samples)
    {
        TrainingPlan plan = Plan(DtNetFactory.CaptionerName, Defaults, UsualEpochs, samples);
        if (!OfficialRates)
        {
            return plan;
        }

        int steps = Math.Max(1, samples / plan.BatchSize); // of an epoch
        IReadOnlyList<double> factors = Training.OfficialRates.Factors(IsSelfCritical, IsSelfCritical ? SelfCriticalRate : CrossEntropyRate);
        return plan with { Rates = step => plan.Rate * factors[Math.Min(step / steps, factors.Count - 1)] };
    }

    private static TrainingPlan DefaultsOf(bool selfCritical) => selfCritical
        ? new TrainingPlan(1, SelfCriticalBatch, SelfCriticalRate) { Beta2 = 0.999, LargestGradient = 0, WarmUp = 0, Schedule = RateSchedule.Constant }
        : new TrainingPlan(1, CrossEntropyBatch, CrossEntropyRate) { Beta2 = 0.98, LargestGradient = 0, WarmUp = 0, Schedule = RateSchedule.Constant };

    private static double EpochsOf(bool selfCritical)
        => selfCritical ? Training.OfficialRates.Epochs - Training.OfficialRates.CrossEntropyEpochs : Training.OfficialRates.CrossEntropyEpochs;
}
