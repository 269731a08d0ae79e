using Aperture.Weights;

namespace Aperture.Plugins.DtNet.Model;

/// <summary>Sizes of a DTNet, read from the shapes of its weights, and the constants that no file holds.</summary>
internal sealed record CaptionConfig
{
    /// <summary>Channels of a grid vector.</summary>
    public required int Features { get; init; }

    /// <summary>Width of all rows.</summary>
    public required int Width { get; init; }

    /// <summary>Attention heads.</summary>
    public required int Heads { get; init; }

    /// <summary>Channels of a head's queries and keys.</summary>
    public required int KeySize { get; init; }

    /// <summary>Channels of a head's values.</summary>
    public required int ValueSize { get; init; }

    /// <summary>Inner width of the feed-forward layers.</summary>
    public required int Inner { get; init; }

    /// <summary>Encoder layers.</summary>
    public required int EncoderLayers { get; init; }

    /// <summary>Decoder layers.</summary>
    public required int DecoderLayers { get; init; }

    /// <summary>Words, special ones among them.</summary>
    public required int Vocabulary { get; init; }

    /// <summary>Rows of the position table; the first is for padding.</summary>
    public required int Positions { get; init; }

    /// <summary>Cells of the grid along a side.</summary>
    public required int Grid { get; init; }

    /// <summary>Inner width of the squeezing cell.</summary>
    public required int Squeezed { get; init; }

    /// <summary>Inner width of the routers' branch over positions.</summary>
    public required int RouterRows { get; init; }

    /// <summary>Inner width of the routers' branch over channels.</summary>
    public required int RouterChannels { get; init; }

    /// <summary>Ids of the words that are none.</summary>
    public SpecialWords Special { get; init; } = new();

    /// <summary>Added to the variance in layer norms.</summary>
    public double NormEpsilon { get; init; } = 1e-5;

    /// <summary>Added to the variance in batch norms.</summary>
    public double BatchEpsilon { get; init; } = 1e-5;

    /// <summary>How fast the batch norms' statistics follow while training.</summary>
    public double BatchMomentum { get; init; } = 0.1;

    /// <summary>Vectors of a picture.</summary>
    public int Cells => Grid * Grid;

    /// <summary>The longest caption in tokens, its end among them: positions begin at 1.</summary>
    public int LongestCaption => Positions - 1;

    /// <summary>Whether a set of tensors is a DTNet's.</summary>
    /// <param name="weights">The tensors.</param>
    public static bool IsOne(IWeightSource weights)
        => weights.Contains("encoder.fc.weight") && weights.Contains("decoder.word_emb.weight")
            && weights.Contains("encoder.layers.0.spatialrouter.finnal_router.0.weight");

    /// <summary>Reads the sizes.</summary>
    /// <param name="weights">The checkpoint under published names.</param>
    /// <exception cref="ApertureException">It is no DTNet's, or a tensor is missing or has another number of dimensions.</exception>
    public static CaptionConfig Read(IWeightSource weights)
    {
        if (!IsOne(weights))
        {
            throw new ApertureException(
                $"{DtNetFactory.CaptionerName}: this is no DTNet's checkpoint (encoder.fc, decoder.word_emb or the routers are missing); give a file of its "
                + "training script or the same tensors in another weights file.");
        }

        const string layer = "encoder.layers.0.", attention = layer + "mhatt.attention.";
        int heads = Count(weights, index => $"encoder.WGs.{index}.weight");
        CaptionConfig config = new()
        {
            Features = Size(weights, "encoder.fc.weight", 1),
            Width = Size(weights, "encoder.fc.weight", 0),
            Heads = heads,
            KeySize = Size(weights, attention + "fc_q.weight", 0) / Math.Max(1, heads),
            ValueSize = Size(weights, attention + "fc_v.weight", 0) / Math.Max(1, heads),
            Inner = Size(weights, layer + "pwff.fc1.weight", 0),
            EncoderLayers = Count(weights, index => $"encoder.layers.{index}.mhatt.layer_norm.weight"),
            DecoderLayers = Count(weights, index => $"decoder.layers.{index}.self_att.layer_norm.weight"),
            Vocabulary = Size(weights, "decoder.word_emb.weight", 0),
            Positions = Size(weights, "decoder.pos_emb.weight", 0),
            Grid = Size(weights, layer + "spatialmultibranch.smlp.proj_h.weight", 0),
            Squeezed = Size(weights, layer + "channelmultibranch.se.se.fc.0.weight", 0),
            RouterRows = Size(weights, layer + "spatialrouter.spatial_router.0.weight", 0),
            RouterChannels = Size(weights, layer + "spatialrouter.channel_router.0.weight", 0),
        };
        return config is { Heads: > 0, DecoderLayers: > 0, KeySize: > 0, ValueSize: > 0, Positions: > 1 }
            ? config
            : throw new ApertureException(
                $"{DtNetFactory.CaptionerName}: the checkpoint's sizes make no model ({config.Heads} heads, {config.DecoderLayers} decoder layers, "
                + $"{config.Positions} positions); fetch it again.");
    }

    private static int Count(IWeightSource weights, Func<int, string> name)
    {
        int count = 0;
        while (weights.Contains(name(count)))
        {
            count++;
        }

        return count;
    }

    private static int Size(IWeightSource weights, string name, int dimension)
    {
        long[] shape = weights.Describe(name).Shape;
        return shape.Length == 2 && shape[dimension] is > 0 and <= int.MaxValue
            ? (int)shape[dimension]
            : throw new ApertureException(
                $"{DtNetFactory.CaptionerName}: {name} has shape [{string.Join(", ", shape)}] where a matrix belongs; fetch the checkpoint again.");
    }
}

/// <summary>Ids of the words that are none.</summary>
/// <param name="Unknown">A word that is not in the vocabulary.</param>
/// <param name="Padding">Fills up a batch.</param>
/// <param name="Begin">Before a caption.</param>
/// <param name="End">Behind a caption.</param>
internal sealed record SpecialWords(int Unknown = 0, int Padding = 1, int Begin = 2, int End = 3);
