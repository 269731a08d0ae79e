using Aperture.Decoding;
using Aperture.Images;
using Aperture.Models;
using Aperture.Sequences;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Vision;

/// <summary>A ConvNeXt as a model's vision encoder: one square picture in, the places of the last stage's map out, row by row. Owns the trunk.</summary>
public sealed class ConvNextEncoder : ITrainableEncoder
{
    private readonly string _prefix;
    private readonly Ops _ops;

    /// <summary>An encoder over a trunk.</summary>
    /// <param name="trunk">The trunk; owned.</param>
    /// <param name="processor">The preprocessing.</param>
    /// <param name="prefix">What stands before <c>stem</c> in the checkpoint.</param>
    /// <param name="ops">Operations; borrowed.</param>
    public ConvNextEncoder(ConvNext trunk, ClipImageProcessor processor, string prefix, Ops ops)
    {
        Trunk = trunk;
        Processor = processor;
        _prefix = prefix;
        _ops = ops;
    }

    /// <inheritdoc />
    public int Channels => Trunk.Config.Widths[^1];

    /// <summary>The trunk.</summary>
    public ConvNext Trunk { get; }

    /// <summary>The preprocessing.</summary>
    public ClipImageProcessor Processor { get; }

    /// <summary>Rows of one picture.</summary>
    public int Tokens => Processor.Config.CropHeight / Trunk.Config.Stride * (Processor.Config.CropWidth / Trunk.Config.Stride);

    /// <inheritdoc />
    public VisionInput Prepare(ReadOnlySpan<byte> rgb, int width, int height)
    {
        using Tensor pixels = Processor.Process(Image.FromRgb(rgb.ToArray(), width, height));
        return new VisionInput(new Dictionary<string, Tensor> { [VisionTransformerEncoder.Pixels] = pixels.unsqueeze(0) }, width, height);
    }

    /// <inheritdoc />
    public IReadOnlyList<VisionFeatures> Encode(IReadOnlyList<VisionInput> inputs, VisionRequest request, CancellationToken cancellationToken)
    {
        if (inputs.Count == 0)
        {
            return [];
        }

        using Tensor pixels = cat([.. inputs.Select(input => input.Tensors[VisionTransformerEncoder.Pixels])], 0);
        IReadOnlyList<VisionFeatures> features = EncodePixels(pixels, request, cancellationToken);
        return [.. features.Zip(inputs, (of, input) => of with { Segments = [of.Segments[0] with { Area = Processor.AreaOf(input.Width, input.Height) }] })];
    }

    /// <summary>Encodes normalised pixels.</summary>
    /// <param name="pixels"><c>[batch, 3, height, width]</c>, multiples of the trunk's stride; borrowed.</param>
    /// <param name="request">Hidden states are those of the stages: 0 is the stem's map, i the map behind stage i - 1.</param>
    /// <param name="cancellationToken">Checked between blocks.</param>
    /// <returns>One entry a picture; the caller disposes them.</returns>
    /// <exception cref="ApertureException">Callbacks of a transformer were asked for, or a hidden state that does not exist.</exception>
    public IReadOnlyList<VisionFeatures> EncodePixels(Tensor pixels, VisionRequest request, CancellationToken cancellationToken)
    {
        if (request.Hooks is not null || request.StopAfterBlocks is not null)
        {
            throw new ApertureException(
                "The vision encoder is a ConvNeXt, which has no transformer blocks; use a method that does not act inside the encoder.");
        }

        using DisposeScope scope = NewDisposeScope();
        IReadOnlyList<Tensor> maps = Trunk.Run(pixels, null, cancellationToken);
        int[] missing = [.. request.HiddenStates.Where(state => state < 0 || state >= maps.Count)];
        if (missing.Length > 0)
        {
            throw new ApertureException($"Hidden state {missing[0]} of the vision encoder was asked for; a ConvNeXt has 0 to {maps.Count - 1}.");
        }

        VisualGrid grid = new((int)maps[^1].size(2), (int)maps[^1].size(3));
        Tensor rows = FeatureMaps.ToRows(maps[^1]); // [B, C, h, w] -> [B, h * w, C]
        Dictionary<int, Tensor> states = request.HiddenStates.ToDictionary(state => state, state => FeatureMaps.ToRows(maps[state]));
        long macs = Trunk.Config.Macs((int)pixels.size(2), (int)pixels.size(3));
        return
        [
            .. Enumerable.Range(0, (int)pixels.size(0)).Select(i => new VisionFeatures(rows.select(0, i).contiguous().DetachFromDisposeScope(), grid)
            {
                Macs = macs,
                HiddenStates = states.ToDictionary(state => state.Key, state => state.Value.select(0, i).DetachFromDisposeScope()),
            }),
        ];
    }

    /// <inheritdoc />
    public IEnumerable<(string Name, Tensor Tensor)> Named() => Trunk.Weights.Named.Select(entry => (_prefix + entry.Name, entry.Tensor));

    /// <inheritdoc />
    public IVisionEncoder Over(IWeightSource parameters)
    {
        using IWeightSource own = BorrowedWeights.Of(Named());
        using CombinedWeights all = new([own, parameters], ownsSources: false);
        WeightPolicy policy = new(_ops.Device, _ops.Type, _ops.Type);
        return new ConvNextEncoder(new ConvNext(Trunk.Config, ConvNextWeights.Load(all, _prefix, Trunk.Config, policy), _ops), Processor, _prefix, _ops);
    }

    /// <inheritdoc />
    public void Dispose() => Trunk.Dispose();
}
