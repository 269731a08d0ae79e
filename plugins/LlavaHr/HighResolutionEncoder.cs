using Aperture.Decoding;
using Aperture.Images;
using Aperture.Vision;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.LlavaHr;

/// <summary>
/// LLaVA-HR's encoder (Luo et al. 2024, arXiv 2403.03003): a ConvNeXt looks at the whole resolution, a CLIP transformer at a small copy of the same pixels, and
/// adapters between the transformer's blocks let the ConvNeXt's last map into its rows. One square picture in, the transformer's rows out. Owns its parts.
/// </summary>
internal sealed class HighResolutionEncoder : ITrainableEncoder
{
    /// <summary>Names of the pixel tensors in <see cref="VisionInput.Tensors"/>; the second is there only where it is made from the photograph.</summary>
    public const string Pixels = VisionTransformerEncoder.Pixels, LowPixels = "low_pixels";

    private readonly HighResolutionParts _parts;
    private readonly ClipImageProcessor _processor;
    private readonly ClipImageProcessor? _low;
    private readonly Ops _ops;

    /// <summary>An encoder over loaded parts.</summary>
    /// <param name="parts">Towers, adapters and the last step; owned.</param>
    /// <param name="settings">Sizes and what a user set.</param>
    /// <param name="ops">The model's operations; borrowed.</param>
    public HighResolutionEncoder(HighResolutionParts parts, HighResolutionSettings settings, Ops ops)
    {
        (_parts, Settings, _ops) = (parts, settings, ops);
        _processor = ProcessorOf(settings.Aspect, settings.Size.Side);
        _low = settings.LowFromPhoto ? ProcessorOf(settings.Aspect, settings.Size.FastSide) : null;
    }

    /// <inheritdoc />
    public int Channels => _parts.Fast.Config.HiddenSize;

    /// <summary>Sizes and what a user set.</summary>
    public HighResolutionSettings Settings { get; }

    /// <summary>The preprocessing of the high-resolution pixels.</summary>
    public ClipImageProcessor Preprocessing => _processor;

    /// <summary>Multiply-accumulates of one picture by stage, if no callback changes its rows.</summary>
    public IReadOnlyList<VisionStage> Stages => StagesOf(_parts.Fast.Config.Macs(Settings.Size.Grid));

    /// <inheritdoc />
    public VisionInput Prepare(ReadOnlySpan<byte> rgb, int width, int height)
    {
        Image image = Image.FromRgb(rgb.ToArray(), width, height);
        Dictionary<string, Tensor> tensors = new() { [Pixels] = Batch(_processor, image) };
        if (_low is not null)
        {
            tensors[LowPixels] = Batch(_low, image);
        }

        return new VisionInput(tensors, width, height);
    }

    /// <inheritdoc />
    public IReadOnlyList<VisionFeatures> Encode(IReadOnlyList<VisionInput> inputs, VisionRequest request, CancellationToken cancellationToken)
    {
        if (inputs.Count == 0)
        {
            return [];
        }

        using Tensor pixels = cat([.. inputs.Select(input => input.Tensors[Pixels])], 0);
        using Tensor? low = _low is null ? null : cat([.. inputs.Select(input => input.Tensors[LowPixels])], 0);
        IReadOnlyList<VisionFeatures> features = EncodePixels(pixels, low, request, cancellationToken);
        return [.. features.Zip(inputs, (of, input) => of with { Segments = [of.Segments[0] with { Area = _processor.AreaOf(input.Width, input.Height) }] })];
    }

    /// <summary>Encodes normalised pixels.</summary>
    /// <param name="pixels"><c>[batch, 3, S, S]</c>; borrowed.</param>
    /// <param name="low">What the transformer sees <c>[batch, 3, s, s]</c>; borrowed. Null makes it from the pixels, as published.</param>
    /// <param name="request">Hidden states and callbacks are the transformer's; an adapter belongs to the block before it.</param>
    /// <param name="cancellationToken">Checked between blocks.</param>
    /// <returns>One entry a picture; the caller disposes them.</returns>
    /// <exception cref="ApertureException">The pixels have another size, or a callback left out rows that the high-resolution map goes with.</exception>
    public IReadOnlyList<VisionFeatures> EncodePixels(Tensor pixels, Tensor? low, VisionRequest request, CancellationToken cancellationToken)
    {
        HighResolution size = Settings.Size;
        if (pixels.dim() != 4 || pixels.size(2) != size.Side || pixels.size(3) != size.Side)
        {
            throw LlavaHrFactory.Error(
                $"pixels of shape [{string.Join(", ", pixels.shape)}] were given, but the model looks at [any, 3, {size.Side}, {size.Side}]; "
                + "let the encoder prepare the picture, or open the model with another InputImageSize");
        }

        using DisposeScope scope = NewDisposeScope();
        EncoderValues? values = EncoderValues.Of(request, (int)pixels.size(0));
        StageClock clock = new(HighResolutionMacs.Slow);
        Tensor input = pixels.to(_ops.Type, _ops.Device);
        Tensor slow = Slow(input, values, cancellationToken); // [B, 3, S, S] -> [B, h², Cs]
        clock.Enter(HighResolutionMacs.Fast);
        Tensor small = low?.to(_ops.Type, _ops.Device) ?? FeatureMaps.ResizeBilinear(input, size.FastSide, size.FastSide); // -> [B, 3, s, s]
        values?.Tell("low", () => small);
        int layers = _parts.Fast.Config.Layers, last = Math.Min(request.StopAfterBlocks ?? layers, layers);
        VisionRequest asked = request with { HiddenStates = new HashSet<int>([last, .. request.HiddenStates]) };
        VisionRun run = _parts.Fast.Run(small, asked, Adapt(slow, values, clock), cancellationToken);
        CheckWhole(run.States[last].Rows.size(1), run.States[last].Places);
        clock.Enter(HighResolutionMacs.Align);
        Tensor features = _parts.Align.Run(run[last], slow, size.SlowGrid, size.FastGrid, values?.Of("align")); // [B, n, C] -> [B, n, C]
        clock.Enter("");
        VisionStage[] stages = [.. StagesOf(run.Macs).Select(stage => stage with { Milliseconds = clock.Of(stage.Name) / pixels.size(0) })];
        return
        [
            .. Enumerable.Range(0, (int)pixels.size(0)).Select(i => new VisionFeatures(features.select(0, i).contiguous().DetachFromDisposeScope(), size.Grid)
            {
                Macs = stages.Sum(stage => stage.Macs),
                Stages = stages,
                HiddenStates = request.HiddenStates.ToDictionary(layer => layer, layer => run[layer].select(0, i).DetachFromDisposeScope()),
            }),
        ];
    }

    /// <inheritdoc />
    public IEnumerable<(string Name, Tensor Tensor)> Named() => _parts.Named(towers: !Settings.TowersFrozen);

    /// <inheritdoc />
    public IVisionEncoder Over(IWeightSource parameters) => new HighResolutionEncoder(_parts.Over(parameters, _ops), Settings, _ops);

    /// <summary>The preprocessing for a side in pixels: CLIP's processor, whatever a folder says beside it.</summary>
    /// <param name="aspect">What a picture becomes before it is resized.</param>
    /// <param name="side">The side.</param>
    public static ClipImageProcessor ProcessorOf(ImageAspect aspect, int side)
        => new(new ClipImageProcessorConfig { ShortestEdge = side, CropHeight = side, CropWidth = side, PadToSquare = aspect == ImageAspect.Pad });

    /// <inheritdoc />
    public void Dispose() => _parts.Dispose();

    private static Tensor Batch(ClipImageProcessor processor, Image image)
    {
        using Tensor pixels = processor.Process(image);
        return pixels.unsqueeze(0); // [3, S, S] -> [1, 3, S, S]
    }

    // The ConvNeXt's last map, place by place, in the model's own element type.
    private Tensor Slow(Tensor pixels, EncoderValues? values, CancellationToken cancellationToken)
    {
        using DisposeScope scope = NewDisposeScope();
        IReadOnlyList<Tensor> maps = _parts.Slow.Run(pixels, null, cancellationToken); // [B, 3, S, S] -> [B, Cs, h, h]
        values?.Tell("slow.stem", () => maps[0]);
        for (int stage = 1; stage < maps.Count; stage++)
        {
            Tensor map = maps[stage];
            values?.Tell($"slow.stage{stage - 1}", () => map);
        }

        Tensor last = maps[^1].to_type(_ops.Type);
        return FeatureMaps.ToRows(last).MoveToOuterDisposeScope();
    }

    // The adapters, each behind a quarter of the blocks; null without any.
    private Func<IVisionContext, Tensor, Tensor?>? Adapt(Tensor slow, EncoderValues? values, StageClock clock)
    {
        if (!Settings.Adapters)
        {
            return null;
        }

        int quarter = _parts.Fast.Config.Layers / (_parts.Adapters.Count + 1);
        return (context, rows) =>
        {
            int adapter = ((context.Block + 1) / quarter) - 1;
            if ((context.Block + 1) % quarter != 0 || adapter >= _parts.Adapters.Count)
            {
                return null;
            }

            clock.Enter(HighResolutionMacs.Adapters);
            Tensor adapted = Adapt(context, rows, slow, adapter, values);
            clock.Enter(HighResolutionMacs.Fast);
            return adapted;
        };
    }

    // Rows in front of the grid pass by.
    private Tensor Adapt(IVisionContext context, Tensor rows, Tensor slow, int adapter, EncoderValues? values)
    {
        using DisposeScope scope = NewDisposeScope();
        int front = context.Front;
        CheckWhole(rows.size(1) - front, context.Places.Skip(front).Index().All(place => place.Index == place.Item) ? null : [.. context.Places.Skip(front)]);
        Tensor y = front == 0 ? rows : rows.narrow(1, front, rows.size(1) - front); // [B, front + n, C] -> [B, n, C]
        EncoderValues? own = values?.Of($"adapter{adapter}");
        own?.Tell("in", () => y);
        Tensor output = _parts.Adapters[adapter].Run(y, slow, Settings.Size.SlowGrid, Settings.Size.FastGrid, Settings.GateOverride, own);
        return (front == 0 ? output : cat([rows.narrow(1, 0, front), output], 1)).MoveToOuterDisposeScope();
    }

    private void CheckWhole(long rows, int[]? places)
    {
        if (rows != Settings.Size.Tokens || places is not null)
        {
            throw LlavaHrFactory.Error(
                $"a callback inside the transformer left {rows} of {Settings.Size.Tokens} rows or moved them, but the high-resolution map goes with the whole "
                + "grid; drop rows behind the encoder instead");
        }
    }

    private IReadOnlyList<VisionStage> StagesOf(long fast)
        => HighResolutionMacs.Of(Settings.Size, _parts.Slow.Config, Channels, fast, _parts.Adapters.Count);
}
