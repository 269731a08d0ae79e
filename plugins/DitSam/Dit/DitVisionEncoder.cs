using Aperture.Images;
using Aperture.Plugins.DitSam.Sam;
using Aperture.Sequences;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.DitSam.Dit;

/// <summary>
/// DIT's image encoder as any part that takes features can use it: rows of the image embedding, under the sentence of
/// <see cref="VisionRequest.Condition"/> (rows of the text encoder <c>[L, dt]</c>), or under none. Borrows the model.
/// </summary>
/// <param name="model">The model.</param>
/// <param name="side">Side in pixels of the square that pictures are made into.</param>
internal sealed class DitVisionEncoder(DitModel model, int side) : IVisionEncoder
{
    private const string Pixels = "pixels";

    public int Channels => model.Config.Sam.PromptWidth;

    public VisionInput Prepare(ReadOnlySpan<byte> rgb, int width, int height)
    {
        Frame frame = Frame.Dit(width, height, side);
        return new VisionInput(
            new Dictionary<string, Tensor> { [Pixels] = frame.Pixels(frame.Resize(Image.FromRgb(rgb.ToArray(), width, height))) }, width, height);
    }

    public IReadOnlyList<VisionFeatures> Encode(IReadOnlyList<VisionInput> inputs, VisionRequest request, CancellationToken cancellationToken)
    {
        if (inputs.Count == 0)
        {
            return [];
        }

        using DisposeScope scope = NewDisposeScope();
        EmbeddedPicture pictures = model.Sam.Encoder.Embed(cat([.. inputs.Select(input => input.Tensors[Pixels])], 0));
        DitSentences? sentence = request.Condition is { } condition ? model.Read(Sentence(condition)) : null;
        (Tensor embedding, long macs) = model.Encode(pictures, sentence, request, 0, cancellationToken);
        Tensor rows = FeatureMaps.ToRows(embedding); // [B, P, h, w] -> [B, h * w, P]
        return
        [
            .. inputs.Select((input, i) => new VisionFeatures(rows[i].clone().DetachFromDisposeScope(), [Segment(input, pictures.Grid)]) { Macs = macs }),
        ];
    }

    public void Dispose()
    {
    }

    private Tensor Sentence(Tensor condition)
        => condition.dim() == 2 && condition.size(1) == model.Config.Text.HiddenSize
            ? condition.to(ScalarType.Float32, model.Policy.Device).unsqueeze(0) // [L, dt] -> [1, L, dt]
            : throw new ApertureException(
                $"{DitFactory.SegmenterName}: a condition of shape [{string.Join(", ", condition.shape)}] does not fit; the image encoder reads rows of the "
                + $"text encoder, [tokens, {model.Config.Text.HiddenSize}].");

    // The square reaches over the picture; coordinates of the area are the picture's.
    private VisualSegment Segment(VisionInput input, VisualGrid grid)
    {
        Frame frame = Frame.Dit(input.Width, input.Height, side);
        (double x, double y) = ((double)frame.Width / frame.InnerWidth, (double)frame.Height / frame.InnerHeight);
        return VisualSegment.Of(grid, new PictureArea(-frame.Left * x, -frame.Top * y, side * x, side * y));
    }
}
