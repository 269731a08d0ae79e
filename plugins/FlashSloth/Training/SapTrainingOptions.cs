using System.ComponentModel.DataAnnotations;
using Aperture.Training;

namespace Aperture.Plugins.FlashSloth.Training;

/// <summary>Options of training <c>sap</c>; defaults are those of FlashSloth's alignment stage.</summary>
internal sealed record SapTrainingOptions : TrainingOptions
{
    public const double DefaultEpochs = 1;

    /// <summary>Batch and rates of the official script, which does not clip gradients.</summary>
    public static TrainingPlan Defaults { get; } = new(1, 256, 1e-3) { LargestGradient = 0 };

    /// <summary>Side in patches of the squares.</summary>
    [Range(2, 1024)]
    public int Pool { get; set; } = 3;

    /// <summary>Dropout on the scores' hidden values.</summary>
    public double Dropout { get; set; } = 0.1;

    /// <summary>Whether the projector is trained too; the result is then a whole checkpoint.</summary>
    public bool TrainProjector { get; set; } = true;

    public override void Validate()
    {
        base.Validate();
        CheckDropout(Sap.SapFactory.MethodName, Dropout);
    }

    /// <summary>Checks a dropout.</summary>
    /// <exception cref="ApertureException">It is none.</exception>
    public static void CheckDropout(string method, double dropout)
    {
        if (!(dropout is >= 0 and < 1))
        {
            throw new ApertureException(FormattableString.Invariant($"{method}: Dropout is {dropout}; give 0 or more and below 1, such as 0.1."));
        }
    }

    public static IReadOnlyList<MethodOption> Describe() =>
    [
        new(nameof(Pool), "integer", "3", "Side in patches of the squares that become one token.") { Allowed = "2 to 1024" },
        new(nameof(Dropout), "number", "0.1", "Dropout on the scores' hidden values.") { Allowed = "0 to below 1" },
        new(nameof(TrainProjector), "true/false", "true", "Train the projector too: the result is a whole checkpoint; false writes the pooling alone."),
        .. Describe(Defaults, DefaultEpochs),
    ];
}
