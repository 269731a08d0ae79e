using Aperture.Training;

namespace Aperture.Plugins.Eas.Meter;

/// <summary>A task that a METER is trained for, with the published recipe.</summary>
/// <param name="Name">What users write.</param>
/// <param name="Head">The head's name in checkpoints.</param>
/// <param name="Pictures">Pictures of a sample.</param>
/// <param name="Labels">The labels; null where the samples or a file name them, empty where there are none.</param>
/// <param name="TextLength">Tokens that a text is padded or cut to.</param>
/// <param name="HeadRate">Factor on the head's learning rate.</param>
/// <param name="Epochs">Passes over the samples.</param>
/// <param name="Plan">Batch and rate.</param>
internal sealed record MeterTask(string Name, string Head, int Pictures, string[]? Labels, int TextLength, double HeadRate, double Epochs, TrainingPlan Plan)
{
    private static TrainingPlan Recipe(int batch, double rate)
        => new(1, batch, rate) { Schedule = RateSchedule.Linear, WarmUp = 0.1, Beta2 = 0.98, WeightDecay = 0.01, LargestGradient = 0, Seed = 0 };

    public static IReadOnlyList<MeterTask> All { get; } =
    [
        new("vqa", "vqa_classifier", 1, null, 50, 50, 10, Recipe(512, 2.5e-5)),
        new("nlvr2", "nlvr2_classifier", 2, ["false", "true"], 50, 10, 10, Recipe(256, 5e-5)),
        new("snli", "snli_classifier", 1, ["contradiction", "neutral", "entailment"], 50, 10, 5, Recipe(64, 2e-6)),
        new("retrieval", "rank_output", 1, [], 40, 5, 10, Recipe(512, 5e-5)),
    ];

    /// <summary>The task of a name.</summary>
    /// <exception cref="ApertureException">There is none.</exception>
    public static MeterTask Find(string name)
        => All.FirstOrDefault(task => task.Name == name)
            ?? throw new ApertureException(
                $"{MeterFactory.ClassifierName}: there is no task '{name}' to train; there are {string.Join(", ", All.Select(task => task.Name))}.");
}
