using System.Text.Json;
using Aperture.Plugins;
using Aperture.Training;
using static TorchSharp.torch;

namespace Aperture.Tasks;

/// <summary>
/// An architecture with parameters that are trained on samples. An <see cref="ITaskFactory"/> implements it beside its own contract; the host reads the
/// samples, draws batches, runs backward and optimizer, saves checkpoints, goes on after a stop, and logs.
/// </summary>
public interface ITrainedTask
{
    /// <summary>The options of <see cref="BeginTraining"/>, for help and for messages.</summary>
    IReadOnlyList<MethodOption> TrainingOptions { get; }

    /// <summary>Prepares a run from its first step. What it draws at random depends on the plan's seed alone.</summary>
    /// <param name="checkpoint">Full path of the file or folder to start from.</param>
    /// <param name="samples">The samples, at least one.</param>
    /// <param name="options">A JSON object with options; property names are matched without regard to case.</param>
    /// <param name="device">Where it runs.</param>
    /// <param name="files">Finds files and folders that options name, also beside the checkpoint.</param>
    /// <param name="outputFolder">Where <see cref="ITraining.Save"/> writes.</param>
    /// <returns>The run; the caller disposes it.</returns>
    /// <exception cref="ApertureException">It is no such checkpoint, the samples do not serve, or an option is unknown or out of range.</exception>
    ITaskTraining BeginTraining(
        string checkpoint, IReadOnlyList<TaskSample> samples, JsonElement options, Device device, IMethodFiles files, string outputFolder);
}

/// <summary>One training of an architecture.</summary>
public interface ITaskTraining : ITraining
{
    /// <summary>The length of each sample, by which samples of a batch are put together; null where all are alike.</summary>
    IReadOnlyList<int>? Lengths => null;

    /// <summary>Runs the forward of a step. The host then runs backward and the optimizer.</summary>
    /// <param name="step">The step, from 0. All that a step draws at random must depend on the seed and this number alone.</param>
    /// <param name="samples">Which samples, by index.</param>
    /// <param name="cancellationToken">Checked between layers.</param>
    /// <returns>The loss and what the log shows.</returns>
    TrainingStep Step(int step, IReadOnlyList<int> samples, CancellationToken cancellationToken);
}

/// <summary>A sample that a task is trained on. What a task needs and does not find it refuses in <see cref="ITrainedTask.BeginTraining"/>.</summary>
/// <param name="Pictures">Full paths of its pictures; may be empty.</param>
/// <param name="Text">The question, sentence or caption; empty where there is none.</param>
/// <param name="Labels">The right labels with scores from 0 to 1; empty where there are none.</param>
public sealed record TaskSample(IReadOnlyList<string> Pictures, string Text, IReadOnlyDictionary<string, double> Labels)
{
    /// <summary>Full path of the folder from which names of files in <see cref="Fields"/> start; empty for the current one.</summary>
    public string Folder { get; init; } = "";

    /// <summary>Everything else that the sample's line holds, by name, such as boxes, a mask's file or further captions.</summary>
    public IReadOnlyDictionary<string, JsonElement> Fields { get; init; } = System.Collections.Immutable.ImmutableDictionary<string, JsonElement>.Empty;
}
