using System.Text.Json;
using Aperture.Plugins;
using Aperture.Training;
using static TorchSharp.torch;

namespace Aperture.Tasks;

/// <summary>
/// A classifier with parameters that are trained on labelled samples. An <see cref="IVisionLanguageClassifierFactory"/> implements it beside its own contract; the host draws batches, runs
/// backward and optimizer, saves checkpoints, goes on after a stop, and logs.
/// </summary>
public interface ITrainedClassifier
{
    /// <summary>The options of <see cref="BeginTraining"/>, for help and for messages.</summary>
    IReadOnlyList<MethodOption> TrainingOptions { get; }

    /// <summary>Prepares a run from its first step. What it draws at random depends on the plan's seed alone.</summary>
    /// <param name="checkpoint">The weights file to start from.</param>
    /// <param name="samples">The labelled samples, at least one.</param>
    /// <param name="options">A JSON object with options; property names are matched without regard to case.</param>
    /// <param name="device">Where it runs.</param>
    /// <param name="files">Finds files and folders that options name.</param>
    /// <param name="outputFolder">Where <see cref="ITraining.Save"/> writes.</param>
    /// <returns>The run; the caller disposes it.</returns>
    /// <exception cref="ApertureException">The file is no such checkpoint, the samples do not serve, or an option is unknown or out of range.</exception>
    IClassifierTraining BeginTraining(string checkpoint, IReadOnlyList<ClassifierSample> samples, JsonElement options, Device device, IMethodFiles files, string outputFolder);
}

/// <summary>One training of a classifier.</summary>
public interface IClassifierTraining : ITraining
{
    /// <summary>Runs the forward of a step. The host then runs backward and the optimizer.</summary>
    /// <param name="step">The step, from 0. All that a step draws at random must depend on the seed and this number alone.</param>
    /// <param name="samples">Which samples, by index.</param>
    /// <param name="cancellationToken">Checked between layers.</param>
    /// <returns>The loss and what the log shows.</returns>
    TrainingStep Step(int step, IReadOnlyList<int> samples, CancellationToken cancellationToken);
}

/// <summary>A labelled sample of a classifier.</summary>
/// <param name="Pictures">Full paths of its pictures.</param>
/// <param name="Text">The question, sentence or caption.</param>
/// <param name="Labels">The right labels with scores from 0 to 1; empty where the task needs none, as retrieval.</param>
public sealed record ClassifierSample(IReadOnlyList<string> Pictures, string Text, IReadOnlyDictionary<string, double> Labels);
