using System.Globalization;
using Aperture.Models;
using Aperture.Text;
using Aperture.Vision;
using Aperture.Weights;

namespace Aperture.Plugins.Eas.Meter;

/// <summary>Sizes of a METER as its tensors show them; only the numbers of heads are not among them.</summary>
internal sealed record MeterConfig
{
    private const int HeadSize = 64;

    /// <summary>The text encoder.</summary>
    public required BertConfig Text { get; init; }

    /// <summary>The vision encoder, with the blocks and the image size that the checkpoint has.</summary>
    public required VisionTransformerConfig Vision { get; init; }

    /// <summary>Width d of the fused rows.</summary>
    public required int Width { get; init; }

    /// <summary>Width of the feed-forward networks of the cross-modal layers.</summary>
    public required int Inner { get; init; }

    /// <summary>Cross-modal layers of each stream.</summary>
    public required int Layers { get; init; }

    /// <summary>Heads of the cross-modal layers.</summary>
    public required int Heads { get; init; }

    /// <summary>Rows of the token-type table: 2, or 3 for two pictures.</summary>
    public required int TokenTypes { get; init; }

    /// <summary>Whether the layers have EAS's adapters and the text begins with a classifier token of its own.</summary>
    public required bool Adapted { get; init; }

    /// <summary>Added to the variance in the norms of the cross-modal layers.</summary>
    public double NormEpsilon { get; init; } = 1e-12;

    /// <summary>Reads the sizes.</summary>
    /// <param name="source">The checkpoint.</param>
    /// <param name="heads">Heads of text encoder and cross-modal layers; null for one each 64 channels.</param>
    /// <param name="visionHeads">Heads of the vision encoder; null for one each 64 channels.</param>
    /// <exception cref="ApertureException">This is no METER, or one with a vision encoder that is not supported.</exception>
    public static MeterConfig Read(IWeightSource source, int? heads = null, int? visionHeads = null)
    {
        if (!source.Contains(MeterKeys.TextTransform + ".weight") || !source.Contains(MeterKeys.Text + "embeddings.word_embeddings.weight"))
        {
            throw new ApertureException(
                $"This is no METER checkpoint: it has no {MeterKeys.TextTransform}.weight or no text encoder; give a .ckpt file of METER or of EAS on METER.");
        }

        if (!source.Contains(MeterKeys.Vision + "conv1.weight"))
        {
            throw new ApertureException(
                $"This METER has no CLIP vision encoder ({MeterKeys.Vision}conv1.weight is missing); those with a Swin transformer are not supported, take a "
                + "clip16 checkpoint.");
        }

        OpenAiClipWeights clip = new(source, MeterKeys.Vision);
        int width = (int)source.Describe(MeterKeys.TextTransform + ".weight").Shape[0];
        string first = MeterKeys.TextLayer(0);
        MeterConfig config = new()
        {
            Text = ReadText(source, heads),
            Vision = clip.ReadConfig(visionHeads),
            Width = width,
            Inner = (int)source.Describe(first + "intermediate.dense.weight").Shape[0],
            Layers = Count(source, MeterKeys.TextLayers),
            Heads = heads ?? Math.Max(1, width / HeadSize),
            TokenTypes = (int)source.Describe(MeterKeys.TokenTypes).Shape[0],
            Adapted = source.Contains(first + "attention.adapter.conv_B.weight"),
        };
        return config.Width % config.Heads == 0
            ? config
            : throw new ApertureException(
                $"METER: {config.Heads} heads do not divide the width {config.Width}; set Heads to the number that the checkpoint was trained with.");
    }

    // RoBERTa has one token type and BERT two.
    private static BertConfig ReadText(IWeightSource source, int? heads)
    {
        long[] Shape(string name) => source.Describe(MeterKeys.Text + name).Shape;
        long[] words = Shape("embeddings.word_embeddings.weight");
        int types = (int)Shape("embeddings.token_type_embeddings.weight")[0];
        BertConfig config = new()
        {
            Vocabulary = (int)words[0],
            HiddenSize = (int)words[1],
            IntermediateSize = (int)Shape("encoder.layer.0.intermediate.dense.weight")[0],
            Layers = Count(source, MeterKeys.Text + "encoder.layer."),
            Heads = heads ?? Math.Max(1, (int)words[1] / HeadSize),
            Positions = (int)Shape("embeddings.position_embeddings.weight")[0],
            TokenTypes = types,
            NormEpsilon = types == 1 ? 1e-5 : 1e-12,
            PadId = types == 1 ? 1 : 0,
            PositionsSkipPadding = types == 1,
        };
        config.Validate("METER's text encoder");
        return config;
    }

    private static int Count(IWeightSource source, string prefix)
    {
        HashSet<int> numbers = [];
        foreach (string name in source.Names.Where(name => name.StartsWith(prefix, StringComparison.Ordinal)))
        {
            int end = name.IndexOf('.', prefix.Length);
            if (end > 0 && int.TryParse(name.AsSpan(prefix.Length, end - prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out int number))
            {
                numbers.Add(number);
            }
        }

        return numbers.Count > 0 && numbers.Max() == numbers.Count - 1
            ? numbers.Count
            : throw new ApertureException($"METER: the layers {prefix}* are not numbered from 0 without gaps; the checkpoint is incomplete, fetch it again.");
    }
}
