namespace Aperture.Vision;

/// <summary>Multiply-accumulates of a vision transformer, for one entry of a batch.</summary>
internal static class VisionMacs
{
    /// <summary>The patch embedding.</summary>
    /// <param name="config">Sizes.</param>
    /// <param name="patches">Patches.</param>
    public static long Embedding(VisionTransformerConfig config, long patches)
        => patches * 3 * config.Frames * config.PatchSize * config.PatchSize * config.HiddenSize;

    /// <summary>
    /// A block over the rows that it gets: <c>4 n d² + 2 n² d + 2 n d m</c>, a third matrix where it is gated; windows are projected and attended with their
    /// padding.
    /// </summary>
    /// <param name="config">Sizes and options.</param>
    /// <param name="block">The block.</param>
    /// <param name="rows">Its rows.</param>
    /// <param name="seen">Rows that are only seen; their keys and values are not counted.</param>
    public static long Block(VisionTransformerConfig config, int block, VisionRows rows, int seen = 0)
    {
        long n = rows.Count, d = config.HiddenSize, m = config.IntermediateSize;
        long feedForward = (config.Gated ? 3 : 2) * n * d * m;
        int side = config.WindowOf(block);
        if (side == 0)
        {
            long relative = config.RelativePositions ? (n - rows.Front) * (rows.Grid.Rows + rows.Grid.Columns) * d : 0;
            return (4 * n * d * d) + (2 * n * (n + seen) * d) + relative + feedForward;
        }

        long front = rows.Front, area = side * side, windows = ((rows.Grid.Rows + side - 1) / side) * ((rows.Grid.Columns + side - 1) / side);
        long padded = front + (windows * area);
        long attention = (2 * windows * area * (front + seen + area) * d) + (2 * front * (n + seen) * d);
        long bias = config.RelativePositions ? windows * area * 2 * side * d : 0;
        return (3 * padded * d * d) + (n * d * d) + attention + bias + feedForward;
    }
}
