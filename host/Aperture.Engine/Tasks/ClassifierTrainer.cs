using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Aperture.Plugins;
using Aperture.Tasks;
using Aperture.Training;
using static TorchSharp.torch;

namespace Aperture.Engine;

/// <summary>Trains a classifier with the loop that every training shares: it may be stopped or killed at any time and goes on from its last checkpoint.</summary>
internal static class ClassifierTrainer
{
    /// <summary>Trains, or goes on training, and writes the result.</summary>
    /// <param name="name">The classifier's name.</param>
    /// <param name="classifier">The classifier.</param>
    /// <param name="checkpoint">The weights file to start from.</param>
    /// <param name="samples">The labelled samples.</param>
    /// <param name="options">Its options.</param>
    /// <param name="device">Where it runs.</param>
    /// <param name="files">Finds files that options name.</param>
    /// <param name="outputFolder">Folder of the run.</param>
    /// <param name="progress">Told as often as the log; null for nobody.</param>
    /// <param name="cancellationToken">Stops after the step, with a checkpoint.</param>
    public static TrainingResult Run(
        string name, ITrainedClassifier classifier, string checkpoint, IReadOnlyList<ClassifierSample> samples, JsonElement options, Device device, IMethodFiles files, string outputFolder,
        IProgress<TrainingProgress>? progress, CancellationToken cancellationToken)
    {
        using IClassifierTraining run = classifier.BeginTraining(checkpoint, samples, options, device, files, outputFolder);
        string data = string.Join('\n', samples.Select(sample => $"{string.Join('\t', sample.Pictures)}\t{sample.Text}\t{string.Join('\t', sample.Labels)}"));
        string fingerprint = $"{name} {options.GetRawText()} on {Path.GetFileName(checkpoint)} {Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(data)).AsSpan(0, 8))}";
        int[] lengths = new int[samples.Count]; // texts are padded: all are equally long
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
}
