using Aperture.Images;
using Aperture.Measuring;
using Aperture.Models;
using Aperture.Sequences;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.Eas.Lavin;

/// <summary>LaVIN's vision encoder: a picture's features are the class tokens after every fourth block of CLIP's tower. Owns the tower.</summary>
/// <param name="tower">The tower; owned.</param>
/// <param name="processor">The preprocessing; it takes pictures in RGB.</param>
internal sealed class LavinEncoder(VisionTransformer tower, TorchvisionProcessor processor) : IVisionEncoder
{
    private const int BlocksPerTap = 4;

    public int Channels => tower.Config.HiddenSize;

    /// <summary>Visual tokens of a picture.</summary>
    public int Taps => tower.Config.Layers / BlocksPerTap;

    /// <summary>How many of a tower's blocks are needed.</summary>
    public static int Blocks(VisionTransformerConfig config) => config.Layers / BlocksPerTap * BlocksPerTap;

    public VisionInput Prepare(ReadOnlySpan<byte> rgb, int width, int height)
    {
        using Tensor pixels = processor.Process(Image.FromRgb(rgb.ToArray(), width, height));
        return new VisionInput(new Dictionary<string, Tensor> { [VisionTransformerEncoder.Pixels] = pixels.unsqueeze(0) }, width, height);
    }

    public VisionInput Blank()
    {
        int side = processor.Config.Size;
        return new VisionInput(new Dictionary<string, Tensor> { [VisionTransformerEncoder.Pixels] = zeros(1, 3, side, side) }, side, side);
    }

    public IReadOnlyList<VisionFeatures> Encode(IReadOnlyList<VisionInput> inputs, VisionRequest request, CancellationToken cancellationToken)
    {
        if (inputs.Count == 0)
        {
            return [];
        }

        using Tensor pixels = cat([.. inputs.Select(input => input.Tensors[VisionTransformerEncoder.Pixels])], 0);
        return EncodePixels(pixels, request, cancellationToken);
    }

    /// <summary>Encodes normalised pixels.</summary>
    /// <param name="pixels"><c>[batch, 3, side, side]</c>; borrowed.</param>
    /// <param name="request">What to compute, and hooks.</param>
    /// <param name="cancellationToken">Checked between blocks.</param>
    /// <returns>For each picture its class tokens <c>[taps, C]</c>; the caller disposes them.</returns>
    public IReadOnlyList<VisionFeatures> EncodePixels(Tensor pixels, VisionRequest request, CancellationToken cancellationToken)
    {
        HashSet<int> states = [.. Enumerable.Range(1, Taps).Select(tap => tap * BlocksPerTap)];
        using VisionRun run = tower.Run(pixels, request with { HiddenStates = states }, cancellationToken);
        if (run.States.Values.Any(state => !state.ClassToken))
        {
            throw new ApertureException(
                "LaVIN reads the class token of its vision tower, and a callback dropped it or did not say that it goes on; keep row 0 with the context.");
        }

        using DisposeScope scope = NewDisposeScope();
        IEnumerable<Tensor> tokens = run.States.OrderBy(state => state.Key).Select(state => state.Value.Rows.select(1, 0)); // [batch, rows, C] -> [batch, C]
        Tensor taps = stack([.. tokens], 1); // [batch, C] each -> [batch, taps, C]
        VisualSegment segment = VisualSegment.Of(new VisualGrid(1, Taps));
        return
        [
            .. Enumerable.Range(0, (int)pixels.size(0)).Select(
                i => new VisionFeatures(taps.select(0, i).MoveToOuterDisposeScope(), [segment]) { Macs = run.Macs }),
        ];
    }

    public void Dispose() => tower.Dispose();
}
