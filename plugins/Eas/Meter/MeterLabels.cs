using Aperture.Measuring;
using Aperture.Tasks;

namespace Aperture.Plugins.Eas.Meter;

/// <summary>The labels of a task and each sample's scores of them.</summary>
/// <param name="Names">The labels by number.</param>
internal sealed record MeterLabels(string[] Names)
{
    /// <summary>The labels that a task has, that a file names, or that the samples have (the most frequent first).</summary>
    /// <exception cref="ApertureException">There are none, or a sample has none of them.</exception>
    public static MeterLabels Of(MeterTask task, string? file, IReadOnlyList<TaskSample> samples)
    {
        string[] names = task.Labels
            ?? (file is not null
                ? AnswerList.Read(file, count: null)
                :
                [
                    .. samples.SelectMany(sample => sample.Labels.Keys).CountBy(label => label).OrderByDescending(pair => pair.Value).ThenBy(
                        pair => pair.Key, StringComparer.Ordinal).Select(pair => pair.Key),
                ]);
        MeterLabels labels = new(names);
        for (int sample = 0; sample < samples.Count; sample++)
        {
            labels.Check(task, samples[sample], sample);
        }

        return labels;
    }

    /// <summary>The number of a sample's best label; -1 where it has none.</summary>
    public int Best(TaskSample sample) => sample.Labels.Count == 0 ? -1 : Array.IndexOf(Names, sample.Labels.MaxBy(pair => pair.Value).Key);

    /// <summary>A sample's scores, one a label.</summary>
    public float[] Scores(TaskSample sample) => [.. Names.Select(name => (float)sample.Labels.GetValueOrDefault(name))];

    private void Check(MeterTask task, TaskSample sample, int index)
    {
        if (sample.Pictures.Count != task.Pictures)
        {
            throw new ApertureException(
                $"{MeterFactory.ClassifierName}: sample {index + 1} has {sample.Pictures.Count} picture(s), but {task.Name} takes {task.Pictures}.");
        }

        if (sample.Text.Length == 0)
        {
            throw new ApertureException($"{MeterFactory.ClassifierName}: sample {index + 1} has no text; give it a question or text.");
        }

        if (task.Labels is { Length: > 0 } known && (sample.Labels.Count == 0 || !sample.Labels.Keys.All(known.Contains)))
        {
            throw new ApertureException(
                $"{MeterFactory.ClassifierName}: sample {index + 1} is labelled '{string.Join(", ", sample.Labels.Keys)}', but the labels of {task.Name} are "
                + $"{string.Join(", ", known)}.");
        }

        if (task.Labels is null && sample.Labels.Count == 0)
        {
            throw new ApertureException($"{MeterFactory.ClassifierName}: sample {index + 1} has no answer, which {task.Name} is trained on.");
        }
    }
}
