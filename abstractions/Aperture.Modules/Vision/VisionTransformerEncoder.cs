using Aperture.Images;
using Aperture.Sequences;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Vision;

/// <summary>
/// A vision transformer as a model's vision encoder: one square picture in, the rows of one or several hidden states out. Owns the transformer.
/// </summary>
public sealed class VisionTransformerEncoder : IScaledEncoder
{
    /// <summary>Name of the pixel tensor in <see cref="VisionInput.Tensors"/>.</summary>
    public const string Pixels = "pixels";

    private readonly int[] _layers;
    private readonly bool _keepClassToken;

    /// <summary>An encoder over a transformer.</summary>
    /// <param name="tower">The transformer; owned.</param>
    /// <param name="processor">The preprocessing.</param>
    /// <param name="layers">Hidden states to join, channel after channel.</param>
    /// <param name="keepClassToken">Whether the class token's row is kept, without a place in the grid.</param>
    public VisionTransformerEncoder(VisionTransformer tower, ClipImageProcessor processor, IReadOnlyList<int> layers, bool keepClassToken)
    {
        Tower = tower;
        Processor = processor;
        _layers = [.. layers];
        _keepClassToken = keepClassToken;
    }

    /// <inheritdoc />
    public int Channels => Tower.Config.HiddenSize * _layers.Length;

    /// <summary>The transformer.</summary>
    public VisionTransformer Tower { get; }

    /// <summary>The preprocessing.</summary>
    public ClipImageProcessor Processor { get; }

    /// <summary>Whether a picture's rows begin with the class token's.</summary>
    public bool KeepsClassToken => _keepClassToken && Tower.Config.ClassToken;

    /// <summary>Rows of one picture.</summary>
    public int Tokens => Tower.Config.InputGrid.Count + (KeepsClassToken ? 1 : 0);

    /// <summary>Multiply-accumulates of one picture, if no callback changes its rows.</summary>
    public long Macs => Tower.Macs(Tower.Config.InputGrid);

    /// <inheritdoc />
    public VisionInput Prepare(ReadOnlySpan<byte> rgb, int width, int height) => Prepare(Processor, rgb, width, height);

    /// <inheritdoc />
    public VisionInput Prepare(ReadOnlySpan<byte> rgb, int width, int height, int rows)
    {
        int side = SideOf(rows);
        return Prepare(side < Tower.Config.InputGrid.Rows ? ProcessorFor(side * Tower.Config.PatchSize) : Processor, rgb, width, height);
    }

    /// <inheritdoc />
    public ScaledPicture CostOf(int width, int height, int rows)
    {
        int side = SideOf(rows), tokens = (side * side) + (KeepsClassToken ? 1 : 0);
        return new ScaledPicture(tokens, tokens, Tower.Macs(new VisualGrid(side, side)));
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
        return [.. features.Zip(inputs, (of, input) => of with { Segments = [of.Segments[0] with { Area = Processor.AreaOf(input.Width, input.Height) }] })];
    }

    /// <summary>Encodes normalised pixels.</summary>
    /// <param name="pixels"><c>[batch, 3, height, width]</c>; borrowed.</param>
    /// <param name="request">What to compute beside the features.</param>
    /// <param name="cancellationToken">Checked between blocks.</param>
    /// <returns>One entry a picture; the caller disposes them.</returns>
    /// <exception cref="ApertureException">A hidden state is asked for that does not exist or that does not run, or a callback breaks its contract.</exception>
    public IReadOnlyList<VisionFeatures> EncodePixels(Tensor pixels, VisionRequest request, CancellationToken cancellationToken)
    {
        int[] layers = request.StopAfterBlocks is { } stop ? [.. _layers.Select(layer => Math.Min(layer, stop))] : _layers;
        VisionRequest asked = request with { HiddenStates = new HashSet<int>([.. layers, .. request.HiddenStates]) };
        using VisionRun run = Tower.Run(pixels, asked, cancellationToken);
        VisionState state = run.States[layers[0]];
        long rows = state.Rows.size(1);
        if (Array.FindIndex(layers, layer => run[layer].size(1) != rows) is >= 0 and var other)
        {
            int layer = layers[other];
            throw new ApertureException(
                $"The model joins the vision encoder's hidden states {layers[0]} and {layer}, which have {rows} and {run[layer].size(1)} rows; "
                + "let callbacks change rows outside of these blocks.");
        }

        using DisposeScope scope = NewDisposeScope();
        int first = state.ClassToken && !_keepClassToken ? 1 : 0;
        VisualGrid grid = new((int)pixels.size(2) / Tower.Config.PatchSize, (int)pixels.size(3) / Tower.Config.PatchSize);
        int[]? places = state.ClassToken && _keepClassToken ? [-1, .. state.Places ?? [.. Enumerable.Range(0, grid.Count)]] : state.Places;
        Tensor[] parts = [.. layers.Select(layer => run[layer].narrow(1, first, rows - first))]; // [B, 1 + N, C] -> [B, N, C]
        Tensor joined = parts.Length == 1 ? parts[0] : cat(parts, -1);
        return
        [
            .. Enumerable.Range(0, (int)pixels.size(0)).Select(i => new VisionFeatures(joined.select(0, i).contiguous().DetachFromDisposeScope(), grid, places)
            {
                Macs = run.Macs,
                HiddenStates = request.HiddenStates.ToDictionary(layer => layer, layer => run[layer].select(0, i).DetachFromDisposeScope()),
            }),
        ];
    }

    /// <inheritdoc />
    public void Dispose() => Tower.Dispose();

    private static VisionInput Prepare(ClipImageProcessor processor, ReadOnlySpan<byte> rgb, int width, int height)
    {
        using Tensor pixels = processor.Process(Image.FromRgb(rgb.ToArray(), width, height));
        return new VisionInput(new Dictionary<string, Tensor> { [Pixels] = pixels.unsqueeze(0) }, width, height);
    }

    // Patches along the side of the largest square that gives at most so many rows; at least one.
    private int SideOf(int rows)
        => (int)Math.Clamp(Math.Sqrt(Math.Max(0, rows - (KeepsClassToken ? 1 : 0))), 1, Tower.Config.InputGrid.Rows);

    // The same preprocessing at another size of the input.
    private ClipImageProcessor ProcessorFor(int side)
    {
        ClipImageProcessorConfig own = Processor.Config;
        int Scaled(int pixels) => Math.Max(side, (int)Math.Round((double)pixels * side / Tower.Config.InputSize));
        return new ClipImageProcessor(own with
        {
            ShortestEdge = own.ShortestEdge is { } edge ? Scaled(edge) : null,
            Height = Scaled(own.Height),
            Width = Scaled(own.Width),
            CropHeight = side,
            CropWidth = side,
        });
    }
}
