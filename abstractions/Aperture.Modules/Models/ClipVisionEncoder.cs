using Aperture.Sequences;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Models;

/// <summary>A CLIP tower as a LLaVA's vision encoder: one square picture in, the rows of one or several hidden states out. Owns the tower.</summary>
public sealed class ClipVisionEncoder : IVisionEncoder
{
    /// <summary>Name of the pixel tensor in <see cref="VisionInput.Tensors"/>.</summary>
    public const string Pixels = "pixels";

    private readonly ClipVisionTower _tower;
    private readonly Images.ClipImageProcessor _processor;
    private readonly int[] _layers;
    private readonly bool _keepClassToken;

    /// <summary>An encoder over a tower.</summary>
    /// <param name="tower">The tower; owned.</param>
    /// <param name="processor">The preprocessing.</param>
    /// <param name="layers">Hidden states to join, channel after channel.</param>
    /// <param name="keepClassToken">Whether the class token's row is kept, without a place in the grid.</param>
    public ClipVisionEncoder(ClipVisionTower tower, Images.ClipImageProcessor processor, IReadOnlyList<int> layers, bool keepClassToken)
    {
        _tower = tower;
        _processor = processor;
        _layers = [.. layers];
        _keepClassToken = keepClassToken;
    }

    /// <inheritdoc />
    public int Channels => _tower.Config.HiddenSize * _layers.Length;

    /// <summary>The tower.</summary>
    public ClipVisionTower Tower => _tower;

    /// <summary>The preprocessing.</summary>
    public Images.ClipImageProcessor Processor => _processor;

    /// <summary>Rows of one picture.</summary>
    public int Tokens => (_tower.Config.Grid * _tower.Config.Grid) + (_keepClassToken ? 1 : 0);

    /// <inheritdoc />
    public VisionInput Prepare(ReadOnlySpan<byte> rgb, int width, int height)
    {
        using Tensor pixels = _processor.Process(Images.Image.FromRgb(rgb.ToArray(), width, height));
        return new VisionInput(new Dictionary<string, Tensor> { [Pixels] = pixels.unsqueeze(0) }, width, height);
    }

    /// <inheritdoc />
    public IReadOnlyList<VisionFeatures> Encode(IReadOnlyList<VisionInput> inputs, VisionRequest request, CancellationToken cancellationToken)
    {
        if (inputs.Count == 0)
        {
            return [];
        }

        using Tensor pixels = cat([.. inputs.Select(input => input.Tensors[Pixels])], 0);
        IReadOnlyList<VisionFeatures> features = EncodePixels(pixels, request, cancellationToken);
        return [.. features.Zip(inputs, (own, input) => own with { Segments = [own.Segments[0] with { Area = _processor.AreaOf(input.Width, input.Height) }] })];
    }

    /// <summary>Encodes normalised pixels.</summary>
    /// <param name="pixels"><c>[batch, 3, height, width]</c>; borrowed.</param>
    /// <param name="request">What to compute beside the features.</param>
    /// <param name="cancellationToken">Checked between blocks.</param>
    /// <returns>One entry a picture; the caller disposes them.</returns>
    public IReadOnlyList<VisionFeatures> EncodePixels(Tensor pixels, VisionRequest request, CancellationToken cancellationToken)
    {
        ClipVisionTower trunk = request.Differentiable ? _tower.ForTraining() : _tower;
        IReadOnlyDictionary<int, Tensor> states = trunk.Run(pixels, new HashSet<int>([.. _layers, .. request.HiddenStates]), request.Hooks, cancellationToken);
        using DisposeScope scope = NewDisposeScope();
        int batch = (int)pixels.size(0), first = _keepClassToken ? 0 : 1;
        VisualGrid grid = new((int)pixels.size(2) / _tower.Config.PatchSize, (int)pixels.size(3) / _tower.Config.PatchSize);
        int[]? places = _keepClassToken ? [-1, .. Enumerable.Range(0, grid.Count)] : null;
        Tensor[] parts = [.. _layers.Select(layer => states[layer].narrow(1, first, grid.Count + 1 - first))];
        Tensor joined = parts.Length == 1 ? parts[0] : cat(parts, -1);
        VisionFeatures[] features = new VisionFeatures[batch];
        for (int i = 0; i < batch; i++)
        {
            features[i] = new VisionFeatures(joined.select(0, i).contiguous().DetachFromDisposeScope(), grid, places)
            {
                Macs = _tower.Macs,
                HiddenStates = request.HiddenStates.ToDictionary(layer => layer, layer => states[layer].select(0, i).DetachFromDisposeScope()),
            };
        }

        foreach (Tensor state in states.Values)
        {
            state.Dispose();
        }

        return features;
    }

    /// <inheritdoc />
    public void Dispose() => _tower.Dispose();
}
