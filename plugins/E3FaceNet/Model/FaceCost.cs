namespace Aperture.Plugins.E3FaceNet.Model;

/// <summary>Floating-point operations of a generator's parts, 2 for a multiply-accumulate, of matrix products and convolutions.</summary>
internal static class FaceCost
{
    private const int Colours = 3;

    /// <summary>The mapping network, once for a face.</summary>
    public static long Mapping(FaceConfig config)
        => 2 * (((long)config.Text * config.Noise) + ((long)config.Noise * config.Style) + ((config.MappingLayers - 1L) * config.Style * config.Style));

    /// <summary>The fields along a view's rays.</summary>
    /// <param name="config">Sizes.</param>
    /// <param name="samples">Samples of a ray through the face, placed ones among them.</param>
    /// <param name="behind">Samples of a ray behind it.</param>
    public static long Rays(FaceConfig config, long samples, long behind)
    {
        long rays = (long)config.Volume * config.Volume, outputs = 1 + Colours + config.Features;
        long face = Network(6L * config.Octaves, config.FaceWidth, config.FaceLayers, outputs);
        long background = config.BackgroundWidth == 0 ? 0 : Network(8L * config.Octaves, config.BackgroundWidth, config.BackgroundLayers, outputs);
        return 2 * rays * ((samples * face) + (behind * background));
    }

    /// <summary>The blocks of a view, the last one's colours among them.</summary>
    /// <param name="config">Sizes.</param>
    /// <param name="blocks">Blocks in use.</param>
    public static long Blocks(FaceConfig config, int blocks)
    {
        long sum = 0;
        for (int block = 0; block < blocks; block++)
        {
            long inputs = block == 0 ? config.Features : config.Channels[block - 1], outputs = config.Channels[block];
            long large = (long)config.Resolutions[block] * config.Resolutions[block], small = large / 4;
            const int taps = 8; // four along each axis
            sum += (inputs * outputs * small) + ((outputs * outputs / 4) + (outputs * outputs)) * small;
            sum += (taps * outputs * large) + (outputs * outputs * large) + (block == blocks - 1 ? Colours * outputs * large : 0);
        }

        return 2 * sum;
    }

    /// <summary>The enhancer of a view for one sentence.</summary>
    /// <param name="config">Sizes.</param>
    /// <param name="blocks">Blocks in use.</param>
    /// <param name="tokens">Tokens of the sentence, padding among them.</param>
    /// <param name="folded">Whether the sentence's tables are folded.</param>
    public static long Enhancer(FaceConfig config, int blocks, long tokens, bool folded)
    {
        long sum = 0, width = config.AttentionWidth, heads = config.Settings.Heads;
        for (int block = 0; block < blocks; block++)
        {
            long channels = block == 0 ? config.Features : config.Channels[block - 1];
            long places = (long)config.Resolutions[block] * config.Resolutions[block] / 4;
            long attention = folded ? (channels + 1) * heads * tokens : (2 * channels * width) + (2 * tokens * width);
            sum += places * (attention + channels + config.Style);
        }

        return 2 * sum;
    }

    // A point through a network.
    private static long Network(long inputs, long width, long layers, long outputs) => (inputs * width) + ((layers - 1) * width * width) + (width * outputs);
}
