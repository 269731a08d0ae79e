namespace Aperture.Plugins.Eas.Meter;

/// <summary>Floating-point operations of one text with its pictures, 2 for a multiply-accumulate; norms and activations are not counted.</summary>
internal static class MeterFlops
{
    /// <summary>The text encoder once, the vision encoder a picture, and fusion with the poolers a text and picture.</summary>
    /// <param name="model">The model.</param>
    /// <param name="plan">What is skipped.</param>
    /// <param name="textTokens">Rows of the text, padding included.</param>
    /// <param name="imageSize">Side of the picture in pixels.</param>
    public static (long Text, long Vision, long Fusion) Count(MeterModel model, MeterPlan plan, long textTokens, long imageSize)
    {
        MeterConfig config = model.Config;
        long grid = imageSize / config.Vision.PatchSize, imageTokens = (grid * grid) + 1, d = config.Width;
        long text = config.Text.Layers * Encoder(textTokens, config.Text.HiddenSize, config.Text.IntermediateSize);
        long vision = (config.Vision.Layers * Encoder(imageTokens, config.Vision.HiddenSize, config.Vision.IntermediateSize))
            + (2 * grid * grid * 3 * config.Vision.PatchSize * config.Vision.PatchSize * config.Vision.HiddenSize);
        long fusion = (2 * textTokens * config.Text.HiddenSize * d) + (2 * imageTokens * config.Vision.HiddenSize * d) + (4 * d * d);
        for (int layer = 0; layer < config.Layers; layer++)
        {
            fusion += Layer(config, model.TextLayers[layer], textTokens, imageTokens, (plan.TextSelf[layer], plan.TextCross[layer]));
            fusion += Layer(config, model.ImageLayers[layer], imageTokens, textTokens, (plan.ImageSelf[layer], plan.ImageCross[layer]));
        }

        return (text, vision, fusion);
    }

    private static long Encoder(long rows, long d, long inner) => Attention(rows, rows, d) + (4 * rows * d * inner);

    // Queries and output for the rows that ask, keys and values for those looked at, and both products.
    private static long Attention(long rows, long keys, long d) => (4 * rows * d * d) + (4 * keys * d * d) + (4 * rows * keys * d);

    private static long Layer(MeterConfig config, MeterCrossLayer layer, long rows, long others, (bool Self, bool Cross) skip)
    {
        long d = config.Width, adapter = Adapter(rows, d, layer.AdapterWidth), replacement = Adapter(rows, d, layer.ReplacementWidth)
            + (2 * d * layer.ReplacementWidth);
        return (skip.Self ? replacement : adapter + Attention(rows, rows, d))
            + (skip.Cross ? replacement : adapter + Attention(rows, others, d))
            + adapter + (4 * rows * d * config.Inner);
    }

    // Down to r, and up in two blocks of half the width.
    private static long Adapter(long rows, long d, long r) => 3 * rows * d * r;
}
