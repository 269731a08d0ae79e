using Aperture.Images;
using Aperture.Measuring;
using Aperture.Sequences;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.Llava;

/// <summary>
/// LLaVA-1.6's way of looking: the whole picture and its tiles through one tower, together in one batch. Rows come in the order that the decoder gets them,
/// those of padding left out; separators are the projector's.
/// </summary>
/// <param name="tower">The tower; borrowed.</param>
/// <param name="tiling">How pictures are cut.</param>
/// <param name="filter">The filter that pictures are resized with.</param>
/// <param name="separates">Whether separators follow.</param>
internal sealed class LlavaTilingEncoder(VisionTransformerEncoder tower, LlavaTiling tiling, ResampleFilter filter, bool separates) : IScaledEncoder
{
    private const string Pixels = VisionTransformerEncoder.Pixels;
    private const string Tiles = "tiles";

    /// <inheritdoc/>
    public int Channels => tower.Channels;

    /// <summary>How pictures are cut.</summary>
    public LlavaTiling Tiling => tiling;

    private VisionTransformerConfig Config => tower.Tower.Config;

    /// <inheritdoc/>
    public VisionInput Prepare(ReadOnlySpan<byte> rgb, int width, int height) => Prepare(rgb, tiling.Select(width, height, Config.InputSize));

    /// <inheritdoc/>
    public VisionInput Prepare(ReadOnlySpan<byte> rgb, int width, int height, int rows) => Prepare(rgb, PlanOf(width, height, rows));

    /// <inheritdoc/>
    public ScaledPicture CostOf(int width, int height, int rows)
    {
        TilePlan plan = PlanOf(width, height, rows);
        VisualGrid grid = GridOf(plan.Side);
        (int features, int separators) = Count(plan);
        return new ScaledPicture(features + separators, features, (1 + plan.Tiles) * tower.Tower.Macs(grid));
    }

    /// <inheritdoc/>
    public IReadOnlyList<VisionFeatures> Encode(IReadOnlyList<VisionInput> inputs, VisionRequest request, CancellationToken cancellationToken)
    {
        List<VisionFeatures> features = [];
        try
        {
            for (int picture = 0; picture < inputs.Count; picture++)
            {
                PictureTile shown = request.Pictures?[picture] ?? new PictureTile(picture, 0);
                features.Add(Encode(inputs[picture], request, shown, cancellationToken));
            }

            return features;
        }
        catch
        {
            features.ForEach(own => own.Dispose());
            throw;
        }
    }

    /// <summary>The pixel values of a picture and its tiles.</summary>
    /// <param name="picture">The picture, RGB.</param>
    /// <param name="plan">How it is cut.</param>
    /// <param name="processor">Scale, mean and deviation of pixel values.</param>
    /// <param name="filter">The filter that it is resized with.</param>
    /// <returns>float32 <c>[1 + tiles, 3, side, side]</c>; the caller disposes it.</returns>
    public static Tensor PixelsOf(Image picture, TilePlan plan, ClipImageProcessorConfig processor, ResampleFilter filter)
    {
        ClipImageProcessor normalise = new(processor with { PadToSquare = false, DoResize = false, DoCenterCrop = false });
        using DisposeScope scope = NewDisposeScope();
        Tensor[] tiles = [.. plan.Cut(picture, filter).Select(normalise.Process)];
        return stack(tiles, 0).MoveToOuterDisposeScope(); // [3, side, side], … -> [1 + tiles, 3, side, side]
    }

    /// <summary>The tower belongs to whoever made it.</summary>
    public void Dispose()
    {
    }

    // The picture's own plan where it keeps to the rows; else the plan that shows most of the picture's pixels, of equals the one with fewer rows.
    private TilePlan PlanOf(int width, int height, int rows)
    {
        TilePlan best = tiling.Select(width, height, Config.InputSize);
        if (RowsOf(best) <= rows)
        {
            return best;
        }

        int full = Config.InputSize, patch = Config.PatchSize;
        best = new TilePlan(width, height, patch, 0, 0);
        (long Shown, int Rows) most = (0, 0);
        foreach ((int columns, int tileRows) in tiling.Pinpoints.Select(size => (size.Width / full, size.Height / full)).Append((0, 0)).Distinct())
        {
            for (int side = full; side >= patch; side = (side - 1) / patch * patch)
            {
                TilePlan plan = new(width, height, side, columns, tileRows);
                int own = RowsOf(plan);
                (int w, int h) = plan.Tiles == 0 ? (side, side) : plan.Resized;
                long shown = Math.Min((long)w * h, (long)width * height);
                if (own <= rows && (shown > most.Shown || (shown == most.Shown && own < most.Rows)))
                {
                    (best, most) = (plan, (shown, own));
                }
            }
        }

        return best;
    }

    private int RowsOf(TilePlan plan)
    {
        (int features, int separators) = Count(plan);
        return features + separators;
    }

    private (int Features, int Separators) Count(TilePlan plan)
    {
        VisualGrid grid = GridOf(plan.Side);
        int tile = grid.Count + (tower.KeepsClassToken ? 1 : 0);
        if (plan.Tiles == 0 || tiling.Merge == TileMerge.Flat)
        {
            return ((1 + plan.Tiles) * tile, separates && plan.Tiles == 0 ? 1 : 0);
        }

        VisualGrid joined = plan.Part(grid, tiling.Merge == TileMerge.SpatialUnpad, tiling.RoundsUnpadding).Grid;
        return (tile + joined.Count, separates ? joined.Rows : 0);
    }

    private VisualGrid GridOf(int side) => new(side / Config.PatchSize, side / Config.PatchSize);

    private VisionInput Prepare(ReadOnlySpan<byte> rgb, TilePlan plan)
    {
        Tensor pixels = PixelsOf(Image.FromRgb(rgb.ToArray(), plan.Width, plan.Height), plan, tower.Processor.Config, filter);
        Tensor tiles = tensor([plan.Columns, plan.Rows], dtype: ScalarType.Int32);
        return new VisionInput(new Dictionary<string, Tensor> { [Pixels] = pixels, [Tiles] = tiles }, plan.Width, plan.Height);
    }

    // Pixels that were prepared elsewhere are cut as the picture's size says.
    private TilePlan PlanOf(VisionInput input)
    {
        Tensor pixels = input.Tensors[Pixels];
        int side = (int)pixels.size(2), entries = (int)pixels.size(0);
        TilePlan plan = input.Tensors.TryGetValue(Tiles, out Tensor? tiles) && tiles.data<int>() is var cut
            ? new TilePlan(input.Width, input.Height, side, cut[0], cut[1])
            : entries == 1 ? new TilePlan(input.Width, input.Height, side, 0, 0)
            : tiling.Select(input.Width, input.Height, side);
        return plan.Tiles + 1 == entries ? plan : throw new ApertureException(
            $"A picture of {input.Width}x{input.Height} pixels is cut into {plan.Tiles} tiles, but {entries - 1} were prepared.");
    }

    private VisionFeatures Encode(VisionInput input, VisionRequest request, PictureTile shown, CancellationToken cancellationToken)
    {
        TilePlan plan = PlanOf(input);
        IReadOnlyList<VisionFeatures> tiles = tower.EncodePixels(
            input.Tensors[Pixels],
            request with { Pictures = [.. Enumerable.Range(0, 1 + plan.Tiles).Select(tile => shown with { Tile = tile })] },
            cancellationToken);
        try
        {
            return Joined(plan, tiles, request.HiddenStates);
        }
        finally
        {
            foreach (VisionFeatures tile in tiles)
            {
                tile.Dispose();
            }
        }
    }

    private VisionFeatures Joined(TilePlan plan, IReadOnlyList<VisionFeatures> tiles, IReadOnlySet<int> states)
    {
        using DisposeScope scope = NewDisposeScope();
        VisualSegment segment = tiles[0].Segments[0];
        TileRows rows = TileRows.Of(plan, segment.Grid, segment.WrittenPlaces, tiling);
        Tensor all = cat([.. tiles.Select(tile => tile.Tokens)], 0); // [tokens, C], … -> [all tokens, C]
        Tensor index = tensor(rows.Index, device: all.device);
        return new VisionFeatures(all.index_select(0, index).MoveToOuterDisposeScope(), rows.Segments) // [all tokens, C] -> [rows, C]
        {
            Macs = tiles.Sum(tile => tile.Macs),
            HiddenStates = states.ToDictionary(
                layer => layer, layer => cat([.. tiles.Select(tile => tile.HiddenStates[layer])], 0).MoveToOuterDisposeScope()),
        };
    }
}
