using Aperture.Images;
using Aperture.Plugins.DitSam.Sam;
using Aperture.Tasks;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.DitSam;

/// <summary>SAM's predictor from pixels, through the segmenter that users open: points, a box, and logits as a prompt again.</summary>
public sealed class SamPredictorRunner : IGoldenRunner
{
    public string Area => "dit-sam";

    public string Kind => "sam_predictor";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        using TaskCheckpointFile file = new(golden.Weights());
        using ISegmenter segmenter = new SamFactory().Open(
            file.Path, TaskCheckpointFile.Options(new { DecoderHeads = golden.Config.GetProperty("decoder_heads").GetInt32() }), CPU, file.Files);
        Tensor image = golden.Get("in.image");
        Picture picture = new(image.data<byte>().ToArray(), (int)image.size(1), (int)image.size(0));
        Frame frame = Frame.Sam(picture.Width, picture.Height, golden.Config.GetProperty("img_size").GetInt32());
        Image resized = frame.Resize(Image.FromPicture(picture));
        golden.CompareExact("mid.resized", tensor(resized.Pixels.ToArray(), [resized.Height, resized.Width, 3]));

        float[] coordinates = golden.Get("in.point_coords").data<float>().ToArray(), box = golden.Get("in.box").data<float>().ToArray();
        long[] labels = golden.Get("in.point_labels").data<long>().ToArray();
        PromptPoint[] points = [.. labels.Select((label, i) => new PromptPoint(coordinates[2 * i], coordinates[(2 * i) + 1], label == 1))];
        PixelBox corners = new(box[0], box[1], box[2], box[3]);
        FeatureTrace trace = new();
        TaskRun run = new() { Trace = trace };

        IReadOnlyList<SegmentedMask> readings = segmenter.Segment(picture, [new SegmentPrompt { Points = points, AllReadings = true }], run)[0];
        using Tensor features = trace.Features!;
        golden.Compare("mid.features", features);
        Compare(golden, "points_multi", InDecodersOrder(golden, readings));

        golden.NotCompared("mid.best_mask_index", "the best mask is the first here, and its score is the best of those recorded");
        float best = golden.Get("out.points_multi.iou").max().item<float>();
        Assert.Equal(best, readings[0].Score, golden.Tolerance * Math.Max(1, Math.Abs(best)));
        Compare(golden, "box_single", segmenter.Segment(picture, [new SegmentPrompt { Box = corners }], TaskRun.Plain)[0]);
        // The case gives the first point alone with box and mask.
        SegmentPrompt again = new() { Points = points[..1], Box = corners, Mask = readings[0].Logits };
        Compare(golden, "points_box_mask", segmenter.Segment(picture, [again], TaskRun.Plain)[0]);
    }

    // Users get the best first; the predictor gives them as they were decoded.
    private static SegmentedMask[] InDecodersOrder(GoldenCase golden, IReadOnlyList<SegmentedMask> readings)
    {
        float[] scores = golden.Get("out.points_multi.iou").data<float>().ToArray();
        SegmentedMask[] ordered = new SegmentedMask[scores.Length];
        int[] ranks = [.. Enumerable.Range(0, scores.Length).OrderByDescending(i => scores[i])];
        for (int rank = 0; rank < ranks.Length; rank++)
        {
            ordered[ranks[rank]] = readings[rank];
        }

        return ordered;
    }

    private static void Compare(GoldenCase golden, string name, IReadOnlyList<SegmentedMask> masks)
    {
        golden.Compare($"out.{name}.iou", tensor(masks.Select(mask => (float)mask.Score).ToArray()));
        golden.Compare($"out.{name}.low_res", stack([.. masks.Select(mask => Values(mask.Logits!))], 0));
        golden.Compare($"out.{name}.logits", stack([.. masks.Select(mask => Values(mask.Mask))], 0));
        golden.CompareExact($"out.{name}.masks", stack([.. masks.Select(mask => Values(mask.Mask).gt(mask.Mask.Threshold).to_type(ScalarType.Byte))], 0));
    }

    private static Tensor Values(MaskImage mask) => tensor(mask.Floats.ToArray(), [mask.Height, mask.Width]);

    private sealed class FeatureTrace : ITaskTrace
    {
        public Tensor? Features { get; private set; }

        public bool Wants(string name) => name == "embedding" && Features is null;

        public void Value(string name, Tensor value) => Features = value.clone().DetachFromDisposeScope();
    }
}
