using Aperture.Tasks;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Plugins.DitSam.Sam;

/// <summary>A user's prompt as the mask decoder takes it. Owns its tensors.</summary>
/// <param name="Sparse">Points and corners <c>[1, S, P]</c>; S may be 0.</param>
/// <param name="Dense">A mask <c>[1, P, h, w]</c>; null for none.</param>
internal sealed record PromptTensors(Tensor Sparse, Tensor? Dense) : IDisposable
{
    private const float Sure = 8; // the logit of a pixel of a mask that has no logits

    /// <summary>Encodes the points, the box and the mask of a prompt.</summary>
    /// <param name="model">The model.</param>
    /// <param name="prompt">The prompt; its coordinates are in pixels of the picture.</param>
    /// <param name="frame">Where the picture lies in the square.</param>
    /// <param name="device">Where the model runs.</param>
    /// <exception cref="ApertureException">The mask has neither the size of the picture nor that of the decoder's logits.</exception>
    public static PromptTensors Of(SamModel model, SegmentPrompt prompt, Frame frame, Device device)
    {
        using DisposeScope scope = NewDisposeScope();
        List<Tensor> sparse = [];
        if (prompt.Points.Count > 0)
        {
            float[] places = [.. prompt.Points.SelectMany(point => Pair(frame.Place(point.X, point.Y)))];
            long[] labels = [.. prompt.Points.Select(point => point.IsInside ? 1L : 0L)];
            sparse.Add(model.Prompts.Points(
                tensor(places, [1, labels.Length, 2], device: device), tensor(labels, [1, labels.Length], device: device), frame.Side,
                pad: prompt.Box is null));
        }

        if (prompt.Box is { } box)
        {
            float[] corners = [.. Pair(frame.Place(box.Left, box.Top)), .. Pair(frame.Place(box.Right, box.Bottom))];
            sparse.Add(model.Prompts.Boxes(tensor(corners, [1, 4], device: device), frame.Side));
        }

        Tensor tokens = sparse.Count == 0 ? zeros(1, 0, model.Config.PromptWidth, device: device) : cat(sparse, 1);
        Tensor? dense = prompt.Mask is { } mask ? model.Prompts.Masks(Logits(mask, frame, 4 * frame.Side / model.Config.Vision.PatchSize).to(device)) : null;
        return new PromptTensors(tokens.MoveToOuterDisposeScope(), dense?.MoveToOuterDisposeScope());
    }

    public void Dispose()
    {
        Sparse.Dispose();
        Dense?.Dispose();
    }

    private static float[] Pair((double X, double Y) point) => [(float)point.X, (float)point.Y];

    // [1, 1, side, side]: the decoder's own logits as they are, a mask of the picture's size placed in the frame.
    private static Tensor Logits(MaskImage mask, Frame frame, int side)
    {
        if (mask.Width == side && mask.Height == side && !mask.IsBytes)
        {
            return tensor(mask.Floats.ToArray(), [1, 1, side, side]);
        }

        if (mask.Width != frame.Width || mask.Height != frame.Height)
        {
            throw new ApertureException(
                $"A mask of {mask.Width}x{mask.Height} pixels cannot be a prompt here; give one of the picture's {frame.Width}x{frame.Height} pixels, or the "
                + $"{side}x{side} Logits of a mask that the model made.");
        }

        float[] values = new float[mask.Width * mask.Height];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = mask.IsInside(i % mask.Width, i / mask.Width) ? Sure : -Sure;
        }

        Tensor inner = F.interpolate(
            tensor(values, [1, 1, mask.Height, mask.Width]), [frame.InnerHeight, frame.InnerWidth], mode: InterpolationMode.Bilinear, align_corners: false,
            antialias: false); // [1, 1, height, width] -> [1, 1, inner height, inner width]
        int right = frame.Side - frame.Left - frame.InnerWidth, bottom = frame.Side - frame.Top - frame.InnerHeight;
        Tensor square = F.pad(inner, [frame.Left, right, frame.Top, bottom], PaddingModes.Constant, -Sure); // -> [1, 1, frame, frame]
        return F.interpolate(square, [side, side], mode: InterpolationMode.Bilinear, align_corners: false, antialias: false);
    }
}
