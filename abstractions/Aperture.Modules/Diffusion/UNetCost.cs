namespace Aperture.Diffusion;

/// <summary>Multiply-accumulates of a UNet's passes by kind; norms and activations are not counted.</summary>
/// <param name="Convolutions">Convolutions, those of one pixel in shortcuts and around transformers among them.</param>
/// <param name="Products">Products with weights.</param>
/// <param name="Attention">Products of rows with rows.</param>
public sealed record UNetCost(long Convolutions, long Products, long Attention)
{
    private const int Kernel = 9;

    /// <summary>The sum.</summary>
    public long Macs => Convolutions + Products + Attention;

    /// <summary>Floating-point operations: 2 for a multiply-accumulate.</summary>
    public long Flops => 2 * Macs;

    /// <summary>The cost of one sample's pass.</summary>
    /// <param name="config">Sizes of the UNet.</param>
    /// <param name="height">Rows of the latent.</param>
    /// <param name="width">Columns of the latent.</param>
    /// <param name="tokens">Rows of the text.</param>
    public static UNetCost Of(UNetConfig config, int height, int width, int tokens)
    {
        Counter counter = new(config, tokens);
        int levels = config.Channels.Count;
        long[] pixels = Pixels(config, height, width);
        counter.Convolve(pixels[0], config.Inputs, config.Channels[0]);
        counter.Multiply(1, config.Channels[0], config.TimeWidth);
        counter.Multiply(1, config.TimeWidth, config.TimeWidth);
        for (int level = 0; level < levels; level++)
        {
            int from = config.Channels[Math.Max(level - 1, 0)], c = config.Channels[level];
            for (int block = 0; block < config.BlocksPerLevel; block++)
            {
                counter.Block(pixels[level], block == 0 ? from : c, c, config.DownAttention[level]);
            }

            counter.Convolve(level < levels - 1 ? pixels[level + 1] : 0, c, c);
        }

        counter.Block(pixels[^1], config.Channels[^1], config.Channels[^1], attends: true);
        counter.Block(pixels[^1], config.Channels[^1], config.Channels[^1], attends: false);
        int before = config.Channels[^1];
        for (int level = levels - 1; level >= 0; level--)
        {
            int c = config.Channels[level], above = config.Channels[Math.Max(level - 1, 0)];
            for (int block = 0; block <= config.BlocksPerLevel; block++)
            {
                int inputs = (block == 0 ? before : c) + (block == config.BlocksPerLevel ? above : c);
                counter.Block(pixels[level], inputs, c, config.UpAttention[levels - 1 - level]);
            }

            counter.Convolve(level > 0 ? pixels[level - 1] : 0, c, c);
            before = c;
        }

        counter.Convolve(pixels[0], config.Channels[0], config.Outputs);
        return counter.Cost;
    }

    private static long[] Pixels(UNetConfig config, int height, int width)
    {
        long[] pixels = new long[config.Channels.Count];
        int shrink = config.DownsamplePadding == 0 ? 0 : 1; // an odd side loses half a pixel without a border, and gains one with it
        for (int level = 0; level < pixels.Length; level++)
        {
            pixels[level] = (long)height * width;
            (height, width) = ((height + shrink) / 2, (width + shrink) / 2);
        }

        return pixels;
    }

    private sealed class Counter(UNetConfig config, int tokens)
    {
        public UNetCost Cost { get; private set; } = new(0, 0, 0);

        public void Convolve(long pixels, int inputs, int outputs)
            => Cost = Cost with { Convolutions = Cost.Convolutions + (Kernel * pixels * inputs * outputs) };

        public void Multiply(long rows, int inputs, int outputs) => Cost = Cost with { Products = Cost.Products + (rows * inputs * outputs) };

        public void Block(long pixels, int inputs, int outputs, bool attends)
        {
            Convolve(pixels, inputs, outputs);
            Convolve(pixels, outputs, outputs);
            Multiply(1, config.TimeWidth, outputs);
            if (inputs != outputs)
            {
                Cost = Cost with { Convolutions = Cost.Convolutions + (pixels * inputs * outputs) };
            }

            if (attends)
            {
                Cost = Cost with { Convolutions = Cost.Convolutions + (2 * pixels * outputs * outputs) }; // into the transformer and out of it
                Multiply(pixels, outputs, 18 * outputs); // self-attention 4, query and output of the other 2, feed-forward 12
                Multiply(2L * tokens, config.TextWidth, outputs);
                Cost = Cost with { Attention = Cost.Attention + (2 * pixels * outputs * (pixels + tokens)) };
            }
        }
    }
}
