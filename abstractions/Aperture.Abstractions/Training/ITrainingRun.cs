namespace Aperture.Training;

/// <summary>
/// One training of a method: what is trained, how, and what a step computes. Parameters of the model come from <see cref="ITrainingModel.Unfreeze"/>.
/// </summary>
public interface ITrainingRun : ITraining
{
    /// <summary>Runs the forward of a step. The host then runs backward and the optimizer.</summary>
    /// <param name="step">The step, from 0. All that a step draws at random must depend on the seed and this number alone.</param>
    /// <param name="batch">The samples of the step; borrowed.</param>
    /// <param name="cancellationToken">Checked between layers.</param>
    /// <returns>The loss and what the log shows.</returns>
    TrainingStep Step(int step, ITrainingBatch batch, CancellationToken cancellationToken);
}
