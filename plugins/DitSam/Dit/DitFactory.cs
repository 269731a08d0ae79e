using System.Text.Json;
using Aperture.Plugins.DitSam.Training;
using Aperture.Tasks;
using static TorchSharp.torch;

namespace Aperture.Plugins.DitSam.Dit;

/// <summary>Opens and trains DIT checkpoints.</summary>
internal sealed class DitFactory : ITaskFactory<ISegmenter>, ITrainedTask
{
    public const string SegmenterName = "dit-sam";

    public string Name => SegmenterName;

    public string Summary
        => "DIT (arXiv 2404.00650): Segment Anything with an image encoder that reads a sentence; masks from sentences, points, boxes, masks.";

    public string Checkpoints => "DIT's files (seg_best.pth and the like), or the same tensors in another weights file.";

    public IReadOnlyList<MethodOption> Options => DitOptions.Describe();

    public IReadOnlyList<MethodOption> TrainingOptions => DitTrainingOptions.Describe();

    public bool Recognises(ITaskCheckpoint checkpoint) => checkpoint.Weights is { } weights && DitKeys.Recognises(weights);

    public ISegmenter Open(string checkpoint, JsonElement options, Device device, IMethodFiles files)
    {
        DitOptions bound = MethodOptions.Bind(SegmenterName, options, DitSamJson.Default.DitOptions);
        return DitSegmenter.Open(checkpoint, bound, device, files);
    }

    public ITaskTraining BeginTraining(
        string checkpoint, IReadOnlyList<TaskSample> samples, JsonElement options, Device device, IMethodFiles files, string outputFolder)
    {
        DitTrainingOptions bound = MethodOptions.Bind(SegmenterName, options, DitSamJson.Default.DitTrainingOptions);
        return DitTraining.Begin(checkpoint, samples, bound, device, files, outputFolder);
    }
}
