namespace Aperture.Diffusion;

/// <summary>Loads the levels of a UNet, and numbers their attentions in the order in which they run.</summary>
/// <param name="loader">The checkpoint.</param>
/// <param name="config">Sizes.</param>
internal sealed class UNetLevels(DiffusionLoader loader, UNetConfig config)
{
    /// <summary>Attentions of the levels that were loaded.</summary>
    public int Attentions { get; private set; }

    public IReadOnlyList<UNetLevel> Down()
    {
        List<UNetLevel> levels = [];
        for (int level = 0; level < config.Channels.Count; level++)
        {
            string name = $"down_blocks.{level}";
            int from = config.Channels[Math.Max(level - 1, 0)], width = config.Channels[level];
            ResidualBlock[] blocks =
                [.. Enumerable.Range(0, config.BlocksPerLevel).Select(i => Block($"{name}.resnets.{i}", i == 0 ? from : width, width))];
            Convolution? sampler = level == config.Channels.Count - 1
                ? null
                : loader.Convolution($"{name}.downsamplers.0.conv", width, width, stride: 2, padding: config.DownsamplePadding);
            levels.Add(Level(name, blocks, config.DownAttention[level], level, sampler, UNetPlace.Down));
        }

        return levels;
    }

    public UNetLevel Mid()
    {
        int level = config.Channels.Count - 1, width = config.Channels[level];
        ResidualBlock[] blocks = [.. Enumerable.Range(0, 2).Select(i => Block($"mid_block.resnets.{i}", width, width, config.MidScale))];
        return Level("mid_block", blocks, attends: true, level, null, UNetPlace.Mid, transformers: 1);
    }

    public IReadOnlyList<UNetLevel> Up()
    {
        List<UNetLevel> levels = [];
        int count = config.Channels.Count, from = config.Channels[^1];
        for (int step = 0; step < count; step++)
        {
            // The skips of a level are its own maps, and last the one that came from the level above.
            string name = $"up_blocks.{step}";
            int level = count - 1 - step, width = config.Channels[level], above = config.Channels[Math.Max(level - 1, 0)], before = from;
            ResidualBlock[] blocks =
            [
                .. Enumerable.Range(0, config.BlocksPerLevel + 1).Select(i => Block(
                    $"{name}.resnets.{i}", (i == 0 ? before : width) + (i == config.BlocksPerLevel ? above : width), width)),
            ];
            Convolution? sampler = level == 0 ? null : loader.Convolution($"{name}.upsamplers.0.conv", width, width);
            levels.Add(Level(name, blocks, config.UpAttention[step], level, sampler, UNetPlace.Up));
            from = width;
        }

        return levels;
    }

    private ResidualBlock Block(string name, int inputs, int outputs, double scale = 1)
        => new(loader, name, inputs, outputs, config.Groups, config.NormEpsilon, config.TimeWidth, scale);

    private UNetLevel Level(
        string name, ResidualBlock[] blocks, bool attends, int level, Convolution? sampler, UNetPlace place, int? transformers = null)
    {
        int first = Attentions, count = attends ? transformers ?? blocks.Length : 0;
        TransformerBlock[] behind =
        [
            .. Enumerable.Range(0, count).Select(i => new TransformerBlock(
                loader, $"{name}.attentions.{i}", config.Channels[level], config.TextWidth, config.Heads[level], config.Groups)),
        ];
        Attentions += 2 * count;
        return new UNetLevel(blocks, behind, sampler, first, place);
    }
}
