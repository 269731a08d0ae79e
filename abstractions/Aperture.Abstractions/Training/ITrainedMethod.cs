using System.Text.Json;
using Aperture.Plugins;

namespace Aperture.Training;

/// <summary>
/// A method with parameters of its own that are trained on labelled samples. An <see cref="IMethodFactory"/> implements it beside its own contract; the host's
/// <c>train</c> command drives it: the host draws batches, runs backward and optimizer, saves checkpoints, goes on after a stop, and logs.
/// </summary>
public interface ITrainedMethod
{
    /// <summary>The options of <see cref="BeginTraining"/>, for help and for messages.</summary>
    IReadOnlyList<MethodOption> TrainingOptions { get; }

    /// <summary>
    /// Prepares a run from its first step. What it draws at random depends on the plan's seed alone, so that a continued run begins from the same values.
    /// </summary>
    /// <param name="model">The model and its samples; borrowed, and outlives the run.</param>
    /// <param name="options">A JSON object with options; property names are matched without regard to case.</param>
    /// <returns>The run; the caller disposes it.</returns>
    /// <exception cref="ApertureException">An option is unknown or out of range, or does not fit the model.</exception>
    ITrainingRun BeginTraining(ITrainingModel model, JsonElement options);
}
