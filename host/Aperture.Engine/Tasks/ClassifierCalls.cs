using Aperture.Images;

namespace Aperture.Tasks;

/// <summary>Calls of a classifier.</summary>
public static class ClassifierCalls
{
    /// <summary>What it can be asked for.</summary>
    /// <param name="classifier">The classifier.</param>
    public static IReadOnlyList<ClassifierTask> Tasks(this OpenTask<IClassifier> classifier) => classifier.Read(model => model.Tasks);

    /// <summary>The labels of a text about a picture, the likeliest first.</summary>
    /// <param name="classifier">The classifier.</param>
    /// <param name="task">Name of one of its <see cref="Tasks"/>.</param>
    /// <param name="image">The picture.</param>
    /// <param name="text">The question or sentence.</param>
    /// <param name="call">Who listens; null for nobody.</param>
    /// <param name="cancellationToken">Checked between layers.</param>
    /// <exception cref="ApertureException">The checkpoint has no such task, or the task takes another number of pictures.</exception>
    public static TaskResult<IReadOnlyList<LabelScore>> Classify(
        this OpenTask<IClassifier> classifier, string task, Image image, string text, TaskCall? call = null, CancellationToken cancellationToken = default)
        => classifier.Classify(task, [image], [text], call, cancellationToken).Select(texts => texts[0]);

    /// <summary>The labels of several texts about the same pictures.</summary>
    /// <param name="classifier">The classifier.</param>
    /// <param name="task">Name of one of its <see cref="Tasks"/>.</param>
    /// <param name="images">As many pictures as the task takes.</param>
    /// <param name="texts">The questions or sentences, at least one.</param>
    /// <param name="call">Who listens; null for nobody.</param>
    /// <param name="cancellationToken">Checked between layers.</param>
    /// <returns>Text by text all labels, the likeliest first.</returns>
    /// <exception cref="ApertureException">The checkpoint has no such task, or the number of pictures is not the task's.</exception>
    public static TaskResult<IReadOnlyList<IReadOnlyList<LabelScore>>> Classify(
        this OpenTask<IClassifier> classifier,
        string task,
        IReadOnlyList<Image> images,
        IReadOnlyList<string> texts,
        TaskCall? call = null,
        CancellationToken cancellationToken = default)
        => classifier.Run(
            (model, run) => model.Classify(task, [.. images.Select(image => image.ToPicture())], TaskInput.Some(texts, "texts"), run), call, cancellationToken);

    /// <summary>Texts by how well they fit a picture, the best first.</summary>
    /// <param name="classifier">The classifier.</param>
    /// <param name="task">A task with a single label, such as retrieval.</param>
    /// <param name="image">The picture.</param>
    /// <param name="texts">The texts, at least one.</param>
    /// <param name="call">Who listens; null for nobody.</param>
    /// <param name="cancellationToken">Checked between layers.</param>
    /// <exception cref="ApertureException">The checkpoint has no such task, or the task takes another number of pictures.</exception>
    public static TaskResult<IReadOnlyList<(string Text, double Score)>> Rank(
        this OpenTask<IClassifier> classifier,
        string task,
        Image image,
        IReadOnlyList<string> texts,
        TaskCall? call = null,
        CancellationToken cancellationToken = default)
        => classifier.Classify(task, [image], texts, call, cancellationToken).Select(scores => Ranked(texts, scores));

    private static IReadOnlyList<(string Text, double Score)> Ranked(IReadOnlyList<string> texts, IReadOnlyList<IReadOnlyList<LabelScore>> scores)
        => [.. texts.Zip(scores, (text, labels) => (text, labels[0].Score)).OrderByDescending(pair => pair.Score)];
}
