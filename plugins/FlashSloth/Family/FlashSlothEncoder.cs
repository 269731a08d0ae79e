using Aperture.Decoding;
using Aperture.Images;
using Aperture.Sequences;
using Aperture.Vision;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.FlashSloth.Family;

/// <summary>
/// FlashSloth's vision encoder: raw patches of SigLIP's last block but one, tile after tile, each tile with the rectangle of the picture that it covers. Owns
/// the tower.
/// </summary>
/// <param name="tower">The tower, of the blocks that are needed; owned.</param>
/// <param name="pictures">The preprocessing.</param>
/// <param name="ops">The model's operations; borrowed.</param>
/// <param name="frozen">Whether trainings leave the tower as it is.</param>
internal sealed class FlashSlothEncoder(VisionTransformer tower, FlashSlothPictures pictures, Ops ops, bool frozen) : ITrainableEncoder
{
    public int Channels => tower.Config.HiddenSize;

    /// <summary>The tower.</summary>
    public VisionTransformer Tower => tower;

    /// <summary>Patches of a picture, all tiles together.</summary>
    public int Patches => pictures.Tiles * tower.Config.InputGrid.Count;

    public VisionInput Prepare(ReadOnlySpan<byte> rgb, int width, int height)
    {
        Tensor pixels = pictures.Process(Image.FromRgb(rgb.ToArray(), width, height));
        return new VisionInput(new Dictionary<string, Tensor> { [VisionTransformerEncoder.Pixels] = pixels }, width, height);
    }

    public IReadOnlyList<VisionFeatures> Encode(IReadOnlyList<VisionInput> inputs, VisionRequest request, CancellationToken cancellationToken)
    {
        if (inputs.Count == 0)
        {
            return [];
        }

        Tensor[] pixels = [.. inputs.Select(input => Checked(input.Tensors[VisionTransformerEncoder.Pixels]))];
        int blocks = Math.Min(tower.Weights.Blocks.Count, request.StopAfterBlocks ?? int.MaxValue);
        VisionRequest asked = request with { HiddenStates = new HashSet<int>([blocks, .. request.HiddenStates]), Pictures = Tiles(pixels, request.Pictures) };
        using Tensor all = cat(pixels, 0); // [tiles, 3, side, side], … -> [all tiles, 3, side, side]
        using VisionRun run = tower.Run(all, asked, cancellationToken);
        List<VisionFeatures> features = [];
        int first = 0;
        for (int i = 0; i < inputs.Count; i++)
        {
            int tiles = (int)pixels[i].size(0);
            features.Add(Of(run, blocks, first, tiles, inputs[i], request));
            first += tiles;
        }

        return features;
    }

    public IEnumerable<(string Name, Tensor Tensor)> Named() => frozen ? [] : All();

    public IVisionEncoder Over(IWeightSource parameters)
    {
        using IWeightSource own = BorrowedWeights.Of(All());
        using CombinedWeights all = new([own, parameters], ownsSources: false);
        VisionTransformerWeights weights = VisionTransformerWeights.Load(
            all, FlashSlothTower.Prefix, SiglipVision.Keys, tower.Config, WeightPolicy.Of(ops), tower.Weights.Blocks.Count, postNorm: false);
        return new FlashSlothEncoder(new VisionTransformer(tower.Config, weights, ops), pictures, ops, frozen);
    }

    public void Dispose() => tower.Dispose();

    private IEnumerable<(string Name, Tensor Tensor)> All()
        => tower.Weights.Named.Select(entry => (FlashSlothTower.Prefix + entry.Name, entry.Tensor));

    private Tensor Checked(Tensor pixels)
    {
        int side = pictures.Side;
        return pixels.dim() == 4 && pixels.size(0) == pictures.Tiles && pixels.size(2) == side && pixels.size(3) == side
            ? pixels
            : throw new ApertureException(
                $"The vision tower takes {pictures.Tiles} tile(s) of {side}x{side} pixels, not [{string.Join(", ", pixels.shape)}]; let the encoder prepare "
                + "pictures.");
    }

    // Every tile is an entry of the tower's batch.
    private static PictureTile[] Tiles(Tensor[] pixels, IReadOnlyList<PictureTile>? shown)
        => [.. pixels.SelectMany((own, i) => Enumerable.Range(0, (int)own.size(0)).Select(
            tile => (shown?[i] ?? new PictureTile(i, 0)) with { Tile = tile }))];

    private VisionFeatures Of(VisionRun run, int blocks, int first, int tiles, VisionInput input, VisionRequest request)
    {
        Tensor Rows(int state) => run[state].narrow(0, first, tiles).flatten(0, 1).clone().DetachFromDisposeScope(); // [tiles, N, C] -> [tiles N, C]
        VisualGrid grid = tower.Config.InputGrid;
        VisionState seen = run.States[blocks];
        int rows = (int)seen.Rows.size(1);
        double share = (double)grid.Columns * tower.Config.PatchSize / pictures.Side;
        VisualSegment[] segments =
        [
            .. pictures.Areas(input.Width, input.Height, share).Select(
                (area, tile) => new VisualSegment(rows) { Grid = grid, Places = seen.Places, Tile = tile, Area = area }),
        ];
        using DisposeScope scope = NewDisposeScope();
        return new VisionFeatures(Rows(blocks), segments)
        {
            Macs = run.Macs * tiles,
            HiddenStates = request.HiddenStates.ToDictionary(state => state, Rows),
        };
    }
}
