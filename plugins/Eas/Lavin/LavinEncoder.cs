using Aperture.Images;
using Aperture.Models;
using Aperture.Sequences;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.Eas.Lavin;

/// <summary>LaVIN's vision encoder: a picture's features are the class tokens after every fourth block of CLIP's tower. Owns the tower.</summary>
/// <param name="tower">The tower; owned.</param>
/// <param name="processor">The preprocessing; it takes pictures in RGB.</param>
internal sealed class LavinEncoder(ClipVisionTower tower, TorchvisionProcessor processor) : IVisionEncoder
{
    private const int BlocksPerTap = 4;

    public int Channels => tower.Config.HiddenSize;

    /// <summary>Visual tokens of a picture.</summary>
    public int Taps => tower.Config.Layers / BlocksPerTap;

    /// <summary>How many of a tower's blocks are needed.</summary>
    public static int Blocks(ClipVisionConfig config) => config.Layers / BlocksPerTap * BlocksPerTap;

    public VisionInput Prepare(ReadOnlySpan<byte> rgb, int width, int height)
    {
        using Tensor pixels = processor.Process(Image.FromRgb(rgb.ToArray(), width, height));
        return new VisionInput(new Dictionary<string, Tensor> { [ClipVisionEncoder.Pixels] = pixels.unsqueeze(0) }, width, height);
    }

    public VisionInput Blank()
    {
        int side = processor.Config.Size;
        return new VisionInput(new Dictionary<string, Tensor> { [ClipVisionEncoder.Pixels] = zeros(1, 3, side, side) }, side, side);
    }

    public IReadOnlyList<VisionFeatures> Encode(IReadOnlyList<VisionInput> inputs, VisionRequest request, CancellationToken cancellationToken)
    {
        if (inputs.Count == 0)
        {
            return [];
        }

        using Tensor pixels = cat([.. inputs.Select(input => input.Tensors[ClipVisionEncoder.Pixels])], 0);
        return EncodePixels(pixels, request, cancellationToken);
    }

    /// <summary>Encodes normalised pixels.</summary>
    /// <param name="pixels"><c>[batch, 3, side, side]</c>; borrowed.</param>
    /// <param name="request">What to compute, and hooks.</param>
    /// <param name="cancellationToken">Checked between blocks.</param>
    /// <returns>For each picture its class tokens <c>[taps, C]</c>; the caller disposes them.</returns>
    public IReadOnlyList<VisionFeatures> EncodePixels(Tensor pixels, VisionRequest request, CancellationToken cancellationToken)
    {
        int[] states = [.. Enumerable.Range(1, Taps).Select(tap => tap * BlocksPerTap)];
        ClipVisionTower trunk = request.Differentiable ? tower.ForTraining() : tower;
        IReadOnlyDictionary<int, Tensor> hidden = trunk.Run(pixels, states.ToHashSet(), request.Hooks, cancellationToken);
        using DisposeScope scope = NewDisposeScope();
        Tensor taps = stack([.. states.Select(state => hidden[state].select(1, 0))], 1); // [batch, tokens, C] -> [batch, taps, C]
        foreach (Tensor state in hidden.Values)
        {
            state.Dispose();
        }

        VisualSegment segment = VisualSegment.Of(new VisualGrid(1, Taps));
        return [.. Enumerable.Range(0, (int)pixels.size(0)).Select(i => new VisionFeatures(taps.select(0, i).MoveToOuterDisposeScope(), [segment]) { Macs = tower.Macs })];
    }

    public void Dispose() => tower.Dispose();
}
