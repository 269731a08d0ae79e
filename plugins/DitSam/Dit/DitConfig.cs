using Aperture.Plugins.DitSam.Sam;
using Aperture.Text;
using Aperture.Weights;

namespace Aperture.Plugins.DitSam.Dit;

/// <summary>The sizes of a DIT, read off its weights, and how it is run.</summary>
internal sealed record DitConfig
{
    private const int TextHeadWidth = 64;

    /// <summary>Sizes of the SAM around it.</summary>
    public required SamConfig Sam { get; init; }

    /// <summary>Sizes of the text encoder, with as many layers as are run.</summary>
    public required BertConfig Text { get; init; }

    /// <summary>How the sentence enters the image encoder.</summary>
    public required DitVariant Variant { get; init; }

    /// <summary>What the end-to-end variant does before later blocks.</summary>
    public EndToEndMode Mode { get; init; } = EndToEndMode.Code;

    /// <summary>Whether the sentence is first made as wide as the image encoder (ViT-H).</summary>
    public required bool ProjectsWidth { get; init; }

    /// <summary>Learned rows a block of the token variants; 0 for the others.</summary>
    public required int TokenRows { get; init; }

    /// <summary>Whether blocks attend in SAM's windows instead of everywhere.</summary>
    public bool Windowed { get; init; }

    /// <summary>Reads sizes and variant.</summary>
    /// <param name="source">The checkpoint under SAM's names (<see cref="DitKeys.UnderSamNames"/>).</param>
    /// <param name="options">The user's options.</param>
    /// <exception cref="ApertureException">It is no DIT, one that is not supported, or options do not fit it.</exception>
    public static DitConfig Read(IWeightSource source, DitOptions options)
    {
        if (!source.Contains(DitKeys.TextProjection + ".weight"))
        {
            throw new ApertureException(
                $"{DitFactory.SegmenterName}: this checkpoint reads no sentences: it has no {DitKeys.TextProjection}.weight. A plain SAM is opened as "
                + $"'{SamFactory.SegmenterName}', and a DIT is trained from it.");
        }

        SamConfig sam = SamConfig.Read(source, options.DecoderHeads);
        CheckBackbone(options.Backbone, sam);
        DitVariant variant = DitVariants.Find(source, options.Variant);
        BertConfig text = ReadText(source, options);
        bool projects = source.Contains(DitKeys.WidthProjection + ".weight");
        int width = sam.Vision.HiddenSize;
        if (variant == DitVariant.EndToEnd && projects)
        {
            throw new ApertureException(
                $"{DitFactory.SegmenterName}: the checkpoint makes its sentence wider first (prob_text), which only the layer-wise net does; open it with "
                + $"Variant {nameof(DitVariant.LayerWise)}.");
        }

        if (variant != DitVariant.Default && !projects && text.HiddenSize != width)
        {
            throw new ApertureException(
                $"{DitFactory.SegmenterName}: sentences are {text.HiddenSize} wide and the image encoder {width}, and the checkpoint has no prob_text between "
                + "them; it is incomplete.");
        }

        bool tokens = variant is DitVariant.TokenLayerWise or DitVariant.EndToEndToken;
        return new DitConfig
        {
            Sam = sam,
            Text = text,
            Variant = variant,
            Mode = options.EditMode,
            ProjectsWidth = projects && variant == DitVariant.LayerWise,
            TokenRows = tokens ? (int)source.Describe(DitKeys.Tokens).Shape[1] : 0,
            Windowed = options.Attention == DitAttention.Windowed,
        };
    }

    private static BertConfig ReadText(IWeightSource source, DitOptions options)
    {
        long[] Shape(string name) => source.Describe(DitKeys.Bert + name).Shape;
        long[] words = Shape("embeddings.word_embeddings.weight");
        int stored = SamConfig.Count(source, DitKeys.Bert + "encoder.layer.", ".intermediate.dense.weight");
        if (options.BertLayers > stored)
        {
            throw new ApertureException(
                $"{DitFactory.SegmenterName}: BertLayers is {options.BertLayers}, but the checkpoint's text encoder has {stored}; DIT reads the first alone.");
        }

        int heads = options.TextHeads ?? Math.Max(1, (int)words[1] / TextHeadWidth);
        BertConfig config = new()
        {
            Vocabulary = (int)words[0],
            HiddenSize = (int)words[1],
            IntermediateSize = (int)Shape("encoder.layer.0.intermediate.dense.weight")[0],
            Layers = options.BertLayers,
            Heads = heads,
            Positions = (int)Shape("embeddings.position_embeddings.weight")[0],
            TokenTypes = (int)Shape("embeddings.token_type_embeddings.weight")[0],
        };
        config.Validate(DitFactory.SegmenterName);
        return config;
    }

    private static void CheckBackbone(DitBackbone asked, SamConfig sam)
    {
        DitBackbone? found = (sam.Vision.HiddenSize, sam.Vision.Layers) switch
        {
            (768, 12) => DitBackbone.VitB,
            (1024, 24) => DitBackbone.VitL,
            (1280, 32) => DitBackbone.VitH,
            _ => null,
        };
        if (asked != DitBackbone.Auto && asked != found)
        {
            throw new ApertureException(
                $"{DitFactory.SegmenterName}: Backbone {asked} was asked for, but the checkpoint's image encoder has {sam.Vision.Layers} blocks of width "
                + $"{sam.Vision.HiddenSize}; leave Backbone out or open another file.");
        }
    }
}
