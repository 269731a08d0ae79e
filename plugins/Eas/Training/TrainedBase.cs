using Aperture.Measuring;
using Aperture.Plugins.Eas.Adapters;
using Aperture.Plugins.Eas.Lavin;
using Aperture.Plugins.Eas.Search;
using Aperture.Training;

namespace Aperture.Plugins.Eas.Training;

/// <summary>What search and training do otherwise in each base, as its published code has it.</summary>
internal sealed record TrainedBase
{
    /// <summary>LLaVA-EAS: fresh adapters; routers and pools read the prompt; the search compares as at inference.</summary>
    public static TrainedBase Llava { get; } = new()
    {
        Name = "LLaVA",
        Adapters = new TrainingPlan(1, 128, 4e-4),
        Search = new TrainingPlan(1, 128, 4e-4) { Schedule = RateSchedule.Linear, WarmUp = 0.3 },
        SearchEpochs = 20,
        Rule = SearchRule.Llava,
        SearchWarmUp = plan => plan.WarmUp,
        Parameter = name => name.StartsWith("model.mm_projector", StringComparison.Ordinal),
        Prefix = EasAdapters.Prefix,
    };

    /// <summary>
    /// LaVIN-EAS: the adapters of the file that the model was opened with go on; routers and pools read whole rows, answers and padding too; the search
    /// compares with dropout.
    /// </summary>
    public static TrainedBase Lavin { get; } = new()
    {
        Name = "LaVIN",
        Adapters = new TrainingPlan(1, 32, 1.125e-3) { WarmUp = 0.1, Beta2 = 0.95, WeightDecay = 0.02, LargestGradient = 0, Seed = 0 },
        Search = new TrainingPlan(1, 32, 1.125e-3) { WarmUp = 0.2, Beta2 = 0.95, WeightDecay = 0.02, LargestGradient = 0, Seed = 0 },
        SearchEpochs = 10,
        Rule = SearchRule.Lavin,
        SearchWarmUp = _ => 0.5,
        Parameter = name => name.StartsWith("adapter_", StringComparison.Ordinal),
        Prefix = "layers.",
        ComparesInTraining = true,
    };

    /// <summary>The name in a search's file.</summary>
    public required string Name { get; init; }

    /// <summary>Rates of the training.</summary>
    public required TrainingPlan Adapters { get; init; }

    /// <summary>Rates of the search.</summary>
    public required TrainingPlan Search { get; init; }

    /// <summary>Passes of the training.</summary>
    public double Epochs { get; init; } = 20;

    /// <summary>Passes of the search.</summary>
    public required double SearchEpochs { get; init; }

    /// <summary>The search's constants, from the number of arms and the steps before the first comparison.</summary>
    public required Func<int, int, SearchRule> Rule { get; init; }

    /// <summary>Share of the steps before the search's first comparison.</summary>
    public required Func<TrainingPlan, double> SearchWarmUp { get; init; }

    /// <summary>Which of the model's own parameters are trained too.</summary>
    public required Func<string, bool> Parameter { get; init; }

    /// <summary>What stands before the layer's number in the names of adapters.</summary>
    public required string Prefix { get; init; }

    /// <summary>Whether the search compares sets as in training, dropout included.</summary>
    public bool ComparesInTraining { get; init; }

    /// <summary>The base that a model is.</summary>
    public static TrainedBase Of(ITrainingModel model) => LavinCheckpoint.Of(model.Files.Checkpoint) is null ? Llava : Lavin;
}
