using Aperture.Tasks;

namespace Aperture.Plugins.DtNet.Model;

/// <summary>Floating-point operations, 2 for a multiply-accumulate. Norms, activations and softmax are not counted.</summary>
internal static class CaptionFlops
{
    /// <summary>The encoder's input stage, a picture.</summary>
    public static long Input(CaptionConfig config) => 2L * config.Cells * config.Features * config.Width;

    /// <summary>A spatial cell, a picture: local, axial or global.</summary>
    public static long SpatialCell(CaptionConfig config, int cell)
    {
        long n = config.Cells, d = config.Width, keys = (long)config.Heads * config.KeySize, values = (long)config.Heads * config.ValueSize;
        return 2 * cell switch
        {
            0 => 22 * n,
            1 => (3 * n * d * d) + (2 * n * config.Grid * d),
            _ => (2 * n * d * keys) + (2 * n * d * values) + (n * n * (keys + values)),
        };
    }

    /// <summary>A channel cell, a picture: attention or projection.</summary>
    public static long ChannelCell(CaptionConfig config, int cell)
        => 2 * (cell == 0 ? (2L * config.Squeezed * config.Width) + ((long)config.Cells * config.Width) : 2L * config.Cells * config.Width * config.Inner);

    /// <summary>Both routers of a layer, a picture.</summary>
    public static long Routers(CaptionConfig config)
    {
        long Router(long paths) => (config.RouterRows * (config.Cells + paths)) + (config.RouterChannels * (config.Width + paths)) + (3 * paths * paths);
        return 2 * (Router(EncoderLayer.SpatialCellNames.Length) + Router(EncoderLayer.ChannelCellNames.Length));
    }

    /// <summary>The whole encoder with all cells, a picture.</summary>
    public static long Encoder(CaptionConfig config)
    {
        long cells = Enumerable.Range(0, EncoderLayer.SpatialCellNames.Length).Sum(cell => SpatialCell(config, cell))
            + Enumerable.Range(0, EncoderLayer.ChannelCellNames.Length).Sum(cell => ChannelCell(config, cell));
        return Input(config) + (config.EncoderLayers * (cells + Routers(config)));
    }

    /// <summary>Keys and values of an encoded picture for all decoder layers.</summary>
    public static long Memory(CaptionConfig config)
        => 2L * config.DecoderLayers * config.Cells * config.Width * config.Heads * (config.KeySize + config.ValueSize);

    /// <summary>One token of one beam through the decoder and its vocabulary.</summary>
    /// <param name="config">Sizes.</param>
    /// <param name="seen">Tokens that it looks at, itself among them.</param>
    public static long Token(CaptionConfig config, int seen)
    {
        long d = config.Width, keys = (long)config.Heads * config.KeySize, values = (long)config.Heads * config.ValueSize;
        long self = (2 * d * (keys + values)) + (seen * (keys + values)), cross = (d * (keys + values)) + (config.Cells * (keys + values));
        return 2 * ((config.DecoderLayers * (self + cross + (2 * d * config.Inner))) + (d * config.Vocabulary));
    }

    /// <summary>Counts what the cells of a layer ran for.</summary>
    /// <param name="run">Who listens.</param>
    /// <param name="config">Sizes.</param>
    /// <param name="pictures">Pictures of the batch, for the routers.</param>
    /// <param name="spatial">Pictures that each spatial cell ran for.</param>
    /// <param name="channel">Pictures that each channel cell ran for.</param>
    public static void CountLayer(TaskRun run, CaptionConfig config, long pictures, int[] spatial, int[] channel)
    {
        if (run.Clock is null)
        {
            return;
        }

        run.Count("routers", pictures * Routers(config));
        run.Count("encoder", spatial.Select((count, cell) => count * SpatialCell(config, cell)).Sum()
            + channel.Select((count, cell) => count * ChannelCell(config, cell)).Sum());
    }
}
