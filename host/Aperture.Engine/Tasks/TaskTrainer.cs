using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Aperture.Plugins;
using Aperture.Training;
using static TorchSharp.torch;

namespace Aperture.Tasks;

/// <summary>
/// Trains a task's architecture with the loop that every training shares: it may be stopped or killed at any time and goes on from its last checkpoint.
/// </summary>
internal static class TaskTrainer
{
    /// <summary>Trains, or goes on training, and writes the result.</summary>
    /// <param name="name">The architecture's name.</param>
    /// <param name="task">The architecture.</param>
    /// <param name="checkpoint">The file or folder to start from.</param>
    /// <param name="samples">The samples.</param>
    /// <param name="options">Its options.</param>
    /// <param name="device">Where it runs.</param>
    /// <param name="files">Finds files that options name.</param>
    /// <param name="outputFolder">Folder of the run.</param>
    /// <param name="progress">Told as often as the log; null for nobody.</param>
    /// <param name="cancellationToken">Stops after the step, with a checkpoint.</param>
    public static TrainingResult Run(
        string name,
        ITrainedTask task,
        string checkpoint,
        IReadOnlyList<TaskSample> samples,
        JsonElement options,
        Device device,
        IMethodFiles files,
        string outputFolder,
        IProgress<TrainingProgress>? progress,
        CancellationToken cancellationToken)
    {
        using ITaskTraining run = task.BeginTraining(checkpoint, samples, options, device, files, outputFolder);
        string data = string.Join('\n', samples.Select(Line));
        string hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(data)).AsSpan(0, 8));
        string fingerprint = $"{name} {options.GetRawText()} on {Path.GetFileName(checkpoint)} {hash}";
        IReadOnlyList<int> lengths = run.Lengths ?? new int[samples.Count];
        return TrainingLoop.Run(name, run, fingerprint, outputFolder, lengths, Step, pace: null, progress, cancellationToken);

        TrainingStep Step(int step, int[] batch, Action<Tensor> backward)
        {
            TrainingStep result = run.Step(step, batch, CancellationToken.None);
            if (result.Loss is { } loss)
            {
                backward(loss);
            }

            return result;
        }
    }

    // All that a sample holds, so that a run does not go on with other samples.
    private static string Line(TaskSample sample)
    {
        string fields = string.Concat(sample.Fields.Select(field => $"\t{field.Key} {field.Value.GetRawText()}"));
        return $"{string.Join('\t', sample.Pictures)}\t{sample.Text}\t{string.Join('\t', sample.Labels)}{fields}";
    }
}
