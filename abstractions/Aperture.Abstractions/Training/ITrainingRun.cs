using static TorchSharp.torch;

namespace Aperture.Training;

/// <summary>One training of a method: what is trained, how, and what a step computes. Owns its parameters and state.</summary>
public interface ITrainingRun : IDisposable
{
    /// <summary>How long, with which optimizer and rates.</summary>
    TrainingPlan Plan { get; }

    /// <summary>What the optimizer changes, by checkpoint name: float32 leaves that require gradients. Parameters of the model come from <see cref="ITrainingModel.Unfreeze"/>.</summary>
    IReadOnlyDictionary<string, Tensor> Parameters { get; }

    /// <summary>What else a continued run needs, by name: tensors that <see cref="Step"/> changes in place, such as scores of a search. The host saves and restores them.</summary>
    IReadOnlyDictionary<string, Tensor> State => System.Collections.Immutable.ImmutableDictionary<string, Tensor>.Empty;

    /// <summary>Factor on the learning rate of a parameter.</summary>
    /// <param name="name">Its name in <see cref="Parameters"/>.</param>
    double RateScale(string name) => 1;

    /// <summary>Runs the forward of a step. The host then runs backward and the optimizer.</summary>
    /// <param name="step">The step, from 0. All that a step draws at random must depend on the seed and this number alone.</param>
    /// <param name="batch">The samples of the step; borrowed.</param>
    /// <param name="cancellationToken">Checked between layers.</param>
    /// <returns>The loss and what the log shows.</returns>
    TrainingStep Step(int step, ITrainingBatch batch, CancellationToken cancellationToken);

    /// <summary>Writes the trained method into <see cref="ITrainingModel.OutputFolder"/>.</summary>
    /// <returns>What was written, and lines to show.</returns>
    TrainingResult Save();
}
