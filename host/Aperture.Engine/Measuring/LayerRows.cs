using Aperture.Decoding;

namespace Aperture.Measuring;

/// <summary>What a decoder layer works on in a prefill: enough to count its operations without running it.</summary>
/// <param name="Attention">Rows that queries, keys and values are made of; 0 for a layer that does not attend.</param>
/// <param name="Keys">Keys that these rows attend to.</param>
/// <param name="FeedForward">Rows through output projection and feed-forward network.</param>
public readonly record struct LayerRows(int Attention, int Keys, int FeedForward)
{
    /// <summary>A layer that runs on all rows.</summary>
    /// <param name="rows">The rows.</param>
    public static LayerRows Full(int rows) => new(rows, rows, rows);

    /// <summary>
    /// Multiply-accumulates: a gated feed-forward network as three matrices, a plain one as two, the causal half not subtracted. Times two for FLOPs.
    /// </summary>
    /// <param name="decoder">Sizes.</param>
    public long Macs(DecoderInfo decoder)
    {
        long d = decoder.HiddenSize, m = decoder.IntermediateSize, q = (
            long)decoder.Heads * decoder.HeadSize, kv = (long)decoder.KeyValueHeads * decoder.HeadSize;
        long projections = Attention * d * (q + (2 * kv));
        long attention = 2L * Attention * Keys * q;
        long output = Attention == 0 ? 0 : FeedForward * q * d;
        long feedForward = (decoder.GatedFeedForward ? 3L : 2L) * FeedForward * d * m;
        return projections + attention + output + feedForward;
    }

    /// <summary>Bytes of the layer's keys and values at two bytes an element.</summary>
    /// <param name="decoder">Sizes.</param>
    public long CacheBytes(DecoderInfo decoder) => 2L * Keys * 2 * decoder.KeyValueHeads * decoder.HeadSize;
}
