using Aperture.Decoding;
using Aperture.Sequences;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.FlashSloth.Sap;

/// <summary>
/// Pools a picture's features tile by tile before the projector. A cell lists its patches as sources, so that maps show all that it stands for.
/// </summary>
/// <param name="method">Name of the method, for counts and messages.</param>
/// <param name="weights">The weights; borrowed. Null averages.</param>
/// <param name="pool">Side of a cell in patches.</param>
/// <param name="dropout">In training; null for none.</param>
internal sealed class PoolStage(string method, TypedWeights<SpatialPooling>? weights, int pool, SeededDropout? dropout = null)
{
    /// <summary>Name of the value that tells each patch's weight in its cell.</summary>
    private const string WeightsName = "sap.weights";

    /// <summary>Pools.</summary>
    /// <param name="context">The picture.</param>
    /// <param name="features">Its features <c>[N, C]</c>; consumed.</param>
    /// <returns>Cells <c>[V, C]</c>; the caller disposes them.</returns>
    /// <exception cref="ApertureException">Features are of another width, or patches are missing.</exception>
    public VisionFeatures Run(IPictureContext context, VisionFeatures features)
    {
        SpatialPooling? pooling = weights?.For(features.Tokens);
        if (pooling is not null && features.Tokens.size(1) != pooling.Channels)
        {
            throw new ApertureException(
                $"{method}: the pooling weights are for {pooling.Channels} channels, but the vision encoder gives {features.Tokens.size(1)}; they are of "
                + "another model.");
        }

        using DisposeScope scope = NewDisposeScope();
        List<Tensor> rows = [], shares = [];
        List<VisualSegment> segments = [];
        int first = 0, patches = 0;
        for (int i = 0; i < features.Segments.Count;)
        {
            VisualSegment segment = features.Segments[i];
            int front = Front(segment), count = segment.Rows - front, tiles = 1;
            while (front == 0 && i + tiles < features.Segments.Count && IsAlike(segment, features.Segments[i + tiles]))
            {
                tiles++; // tiles of one grid are pooled together
            }

            if (front > 0)
            {
                rows.Add(features.Tokens.narrow(0, first, front));
                segments.Add(segment.Keep([.. Enumerable.Range(0, front)]));
            }

            if (count > 0)
            {
                Tensor own = features.Tokens.narrow(0, first + front, count * tiles).view(tiles, count, -1); // [tiles N, C] -> [tiles, N, C]
                rows.Add(Pool(pooling, own, segment.Grid, shares).flatten(0, 1)); // [tiles, V, C] -> [tiles V, C]
                segments.AddRange(features.Segments.Skip(i).Take(tiles).Select(Pooled));
                patches += count * tiles;
            }

            first += segment.Rows * tiles;
            i += tiles;
        }

        Tensor cells = rows.Count == 1 ? rows[0].clone() : cat(rows, 0);
        if (context.Request.Trace is { } trace && pooling is not null)
        {
            trace.MethodMacs(method, pooling.Macs(patches));
            Tell(trace, context, features.Segments, shares);
        }

        features.Dispose();
        return features with { Tokens = cells.MoveToOuterDisposeScope(), Segments = segments, HiddenStates = new Dictionary<int, Tensor>() };
    }

    // Each patch's weight in its cell, tile by tile.
    private static void Tell(IDecoderTrace trace, IPictureContext context, IReadOnlyList<VisualSegment> tiles, List<Tensor> shares)
    {
        if (!trace.WantsPictureValue(WeightsName))
        {
            return;
        }

        Tensor[] weights = [.. shares.SelectMany(share => share.unbind(0))]; // [tiles, N] -> [N] each
        foreach ((VisualSegment tile, Tensor own) in tiles.Where(tile => tile.Rows > Front(tile)).Zip(weights))
        {
            trace.PictureValue(new PictureTile(context.Image, tile.Tile) { Sample = context.Sample }, WeightsName, own.to(ScalarType.Float32));
        }
    }

    private Tensor Pool(SpatialPooling? pooling, Tensor own, VisualGrid grid, List<Tensor> all)
    {
        if (pooling is null)
        {
            return SpatialPooling.Average(own, grid, pool);
        }

        (Tensor cells, Tensor shares) = pooling.Pool(own, grid, pool, dropout);
        all.Add(shares);
        return cells;
    }

    // Rows without a place, such as a class token's, stand in front and go on as they are; the others must be the whole grid.
    private static int Front(VisualSegment segment)
    {
        int[] places = segment.WrittenPlaces;
        int front = Array.FindIndex(places, place => place >= 0);
        front = front < 0 ? places.Length : front;
        for (int i = front; i < places.Length; i++)
        {
            if (places[i] != i - front)
            {
                throw Incomplete(segment, places.Length - front);
            }
        }

        return places.Length - front == segment.Grid.Count || front == places.Length ? front : throw Incomplete(segment, places.Length - front);
    }

    private static ApertureException Incomplete(VisualSegment segment, int count)
        => new(
            $"Pooling takes whole grids, but {count} of {segment.Grid.Rows}x{segment.Grid.Columns} patches came, or came in another order; let it act before "
            + "methods "
            + "that drop patches.");

    private static bool IsAlike(VisualSegment one, VisualSegment other) => other.Grid == one.Grid && other.Rows == one.Rows && Front(other) == 0;

    private VisualSegment Pooled(VisualSegment segment)
    {
        VisualGrid grid = segment.Grid;
        VisualGrid cells = weights is null ? new VisualGrid(grid.Rows / pool, grid.Columns / pool) : SpatialPooling.Cells(grid, pool);
        int[] places = new int[cells.Count];
        int[][] sources = new int[cells.Count][];
        for (int cell = 0; cell < cells.Count; cell++)
        {
            int top = cell / cells.Columns * pool, left = cell % cells.Columns * pool;
            int bottom = Math.Min(top + pool, grid.Rows), right = Math.Min(left + pool, grid.Columns);
            places[cell] = ((top + bottom - 1) / 2 * grid.Columns) + ((left + right - 1) / 2);
            sources[cell] =
            [
                .. Enumerable.Range(top, bottom - top).SelectMany(row => Enumerable.Range(left, right - left).Select(column => (row * grid.Columns) + column)),
            ];
        }

        return segment with { Rows = cells.Count, Places = places, Sources = sources };
    }
}
