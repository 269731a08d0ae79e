using System.Text.Json.Serialization;
using Aperture.Training;

namespace Aperture.Plugins.FlashSloth.Training;

/// <summary>Options of training a FlashSloth; defaults are those of the official scripts.</summary>
internal sealed record FlashSlothTrainingOptions : TrainingOptions
{
    public const double DefaultEpochs = 1;

    /// <summary>Batch and rates of the alignment stage.</summary>
    public static TrainingPlan AlignDefaults { get; } = new(1, 256, 1e-3) { LargestGradient = 0 };

    /// <summary>Batch and rates of instruction tuning.</summary>
    public static TrainingPlan TuneDefaults { get; } = new(1, 128, 2e-5) { LargestGradient = 0 };

    /// <summary>Align: pooling and projector, on captions (open the model with the prompt template plain); Tune: everything but the vision tower.</summary>
    public FlashSlothStage Stage { get; set; } = FlashSlothStage.Tune;

    /// <summary>Whether tuning begins with a fresh pooling, as the official code does, which throws the aligned one away.</summary>
    public bool ReinitSap { get; set; }

    /// <summary>Dropout on the pooling scores' hidden values.</summary>
    public double Dropout { get; set; } = 0.1;

    public override void Validate()
    {
        base.Validate();
        SapTrainingOptions.CheckDropout(FlashSlothFactory.MethodName, Dropout);
    }

    /// <summary>The plan for the stage.</summary>
    public TrainingPlan Plan(int samples)
        => Plan(FlashSlothFactory.MethodName, Stage == FlashSlothStage.Align ? AlignDefaults : TuneDefaults, DefaultEpochs, samples);

    public static IReadOnlyList<MethodOption> Describe() =>
    [
        new(nameof(Stage), "text", "Tune", "Align: pooling and projector, on captions (with --prompt plain); Tune: everything but the vision tower.")
        {
            Allowed = "Align, Tune",
        },
        new(nameof(ReinitSap), "true/false", "false", "Begin with a fresh pooling, as the official second stage does."),
        new(nameof(Dropout), "number", "0.1", "Dropout on the pooling scores' hidden values.") { Allowed = "0 to below 1" },
        .. Describe(TuneDefaults, DefaultEpochs),
    ];
}

/// <summary>The stages of FlashSloth's training.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<FlashSlothStage>))]
internal enum FlashSlothStage
{
    /// <summary>Pooling and projector, on captions.</summary>
    Align,

    /// <summary>Everything but the vision tower, on conversations.</summary>
    Tune,
}
