using System.Text.Json;
using Aperture.Decoding;
using Aperture.Tasks;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Plugins.DitSam.Sam;

/// <summary>Opens the published files of Segment Anything.</summary>
internal sealed class SamFactory : ITaskFactory<ISegmenter>
{
    public const string SegmenterName = "segment-anything";

    public string Name => SegmenterName;

    public string Summary => "Segment Anything (arXiv 2304.02643): masks from points, boxes and earlier masks.";

    public string Checkpoints => "segment-anything's files (sam_vit_b_01ec64.pth and the like), or the same tensors in another weights file.";

    public IReadOnlyList<MethodOption> Options => SamOptions.Describe();

    public bool Recognises(ITaskCheckpoint checkpoint)
        => checkpoint.Weights is { } weights && weights.Contains(SamKeys.Encoder + "pos_embed") && weights.Contains(SamKeys.ScoreToken);

    public ISegmenter Open(string checkpoint, JsonElement options, Device device, IMethodFiles files)
    {
        SamOptions bound = MethodOptions.Bind(SegmenterName, options, DitSamJson.Default.SamOptions);
        IWeightSource source = OpenWeights(checkpoint);
        List<IDisposable> owned = [source];
        try
        {
            if (!source.Contains(SamKeys.ScoreToken) || !source.Contains(SamKeys.Encoder + "pos_embed"))
            {
                throw new ApertureException(
                    $"{SegmenterName}: {Path.GetFileName(checkpoint)} is no SAM: it has no {SamKeys.Encoder}pos_embed and {SamKeys.ScoreToken} together.");
            }

            ScalarType type = bound.Dtype.ToScalar();
            WeightPolicy policy = WeightPolicy.InFormat(SegmenterName, bound.Format, device, type, owned);
            SamModel model = new(source, SamConfig.Read(source, bound.DecoderHeads), everywhere: false, policy);
            policy.TellWhereNothingGains(SegmenterName, files.Tell);
            return new SamSegmenter(model, owned, device);
        }
        catch
        {
            owned.ForEach(own => own.Dispose());
            throw;
        }
    }

    /// <summary>Opens a weights file; what else a training left in it is passed over.</summary>
    internal static IWeightSource OpenWeights(string path) => WeightFiles.Open(path, new WeightFileOptions { Lenient = true });
}
