using static TorchSharp.torch;

namespace Aperture.Training;

/// <summary>What every training has, whatever its samples are: what is trained, how, and what comes of it. Owns its parameters and state.</summary>
public interface ITraining : IDisposable
{
    /// <summary>How long, with which optimizer and rates.</summary>
    TrainingPlan Plan { get; }

    /// <summary>What the optimizer changes, by checkpoint name: float32 leaves that require gradients.</summary>
    IReadOnlyDictionary<string, Tensor> Parameters { get; }

    /// <summary>
    /// What else a continued run needs, by name: tensors that a step changes in place, such as scores of a search. The host saves and restores them.
    /// </summary>
    IReadOnlyDictionary<string, Tensor> State => System.Collections.Immutable.ImmutableDictionary<string, Tensor>.Empty;

    /// <summary>Factor on the learning rate of a parameter.</summary>
    /// <param name="name">Its name in <see cref="Parameters"/>.</param>
    double RateScale(string name) => 1;

    /// <summary>Writes what was trained into the run's output folder.</summary>
    /// <returns>What was written, and lines to show.</returns>
    TrainingResult Save();
}
