using Aperture.Vision;

namespace Aperture.Tasks;

/// <summary>
/// A model that chooses among labels for pictures and a text: the answer to a question, whether a sentence is true of two pictures, how well a caption
/// fits.
/// </summary>
public interface IClassifier : ITaskModel
{
    /// <summary>What the opened checkpoint can be asked for.</summary>
    IReadOnlyList<ClassifierTask> Tasks { get; }

    /// <summary>Scores the labels for each of several texts about the same pictures; the pictures are encoded once.</summary>
    /// <param name="task">Name of one of <see cref="Tasks"/>.</param>
    /// <param name="pictures">As many pictures as the task takes.</param>
    /// <param name="texts">Questions, sentences or captions, at least one.</param>
    /// <param name="run">When to stop, and who listens.</param>
    /// <returns>Text by text all labels, the likeliest first.</returns>
    /// <exception cref="ApertureException">The checkpoint has no such task, or the number of pictures is not the task's.</exception>
    IReadOnlyList<IReadOnlyList<LabelScore>> Classify(string task, IReadOnlyList<Picture> pictures, IReadOnlyList<string> texts, TaskRun run);
}

/// <summary>Something a classifier can be asked for.</summary>
/// <param name="Name">What users write.</param>
/// <param name="Pictures">How many pictures it takes.</param>
/// <param name="Labels">How many labels it chooses among.</param>
/// <param name="Flops">Floating-point operations of one text with its pictures: 2 for a multiply-accumulate, padding included.</param>
/// <param name="Summary">One line: what the text is and what the labels mean.</param>
public sealed record ClassifierTask(string Name, int Pictures, int Labels, long Flops, string Summary);

/// <summary>A label and how likely it is.</summary>
/// <param name="Label">The label.</param>
/// <param name="Score">From 0 to 1. Labels that exclude each other sum to 1.</param>
public sealed record LabelScore(string Label, double Score);
