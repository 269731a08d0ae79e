using Aperture.Images;
using Aperture.Tasks;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.DitSam.Sam;

/// <summary>A SAM as its predictor runs it. Owns the model and what it stands on.</summary>
/// <param name="model">The model.</param>
/// <param name="owned">What the model stands on, such as the checkpoint that its memory may be.</param>
/// <param name="device">Where it runs.</param>
internal sealed class SamSegmenter(SamModel model, IReadOnlyList<IDisposable> owned, Device device) : ISegmenter
{
    private readonly int _side = model.Config.Vision.ImageSize;

    public string Name => SamFactory.SegmenterName;

    public string Summary
        => $"SAM, image encoder of {model.Config.Vision.Layers} blocks of width {model.Config.Vision.HiddenSize} at {_side} pixels; points, boxes and masks.";

    public SegmentPromptKinds Prompts => SegmentPromptKinds.Points | SegmentPromptKinds.Box | SegmentPromptKinds.Mask;

    public IReadOnlyList<IReadOnlyList<SegmentedMask>> Segment(Picture picture, IReadOnlyList<SegmentPrompt> prompts, TaskRun run)
    {
        PromptCheck.Kinds(Name, Prompts, prompts);
        using IDisposable quiet = inference_mode();
        using DisposeScope scope = NewDisposeScope();
        run.Enter("picture");
        Frame frame = Frame.Sam(picture.Width, picture.Height, _side);
        Tensor pixels = frame.Pixels(frame.Resize(Image.FromPicture(picture))).to(device);
        run.Value("pixels", pixels);
        run.Enter("vision");
        (Tensor embedding, long macs) = model.Encode(pixels, run.Cancellation);
        run.Count("image encoder", 2 * macs);
        run.Value("embedding", embedding);
        List<IReadOnlyList<SegmentedMask>> found = [];
        foreach (SegmentPrompt prompt in prompts)
        {
            run.Enter("mask");
            using DisposeScope one = NewDisposeScope();
            PromptTensors tensors = PromptTensors.Of(model, prompt, frame, device);
            DecodedMasks masks = model.Decode(embedding, tensors.Sparse, tensors.Dense, prompt.AllReadings);
            run.Count("mask decoder", 2 * model.Decoder.Macs(embedding.size(2) * embedding.size(3)));
            run.Value("logits", masks.Logits);
            found.Add(FoundMasks.OfLogits(masks, SamModel.ToPicture(masks.Logits, frame), threshold: 0));
        }

        return found;
    }

    public void Dispose()
    {
        model.Dispose();
        foreach (IDisposable own in owned)
        {
            own.Dispose();
        }
    }
}
