using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using Aperture.Decoding;
using Aperture.Plugins.DitSam.Sam;

namespace Aperture.Plugins.DitSam.Dit;

/// <summary>What a user may set when opening a DIT.</summary>
internal sealed record DitOptions : IMethodOptions
{
    private const int SmallestImage = 64, LargestImage = 2048, FewestTokens = 3, MostTokens = 512, MostLayers = 12;

    /// <summary>How the sentence enters the image encoder; null for what the checkpoint's tensors say.</summary>
    public DitVariant? Variant { get; set; }

    /// <summary>The image encoder that the checkpoint shall have.</summary>
    public DitBackbone Backbone { get; set; } = DitBackbone.Auto;

    /// <summary>Side in pixels of the square that pictures are made into; null for 512, or what the position table is for where that is smaller.</summary>
    public int? ImageSize { get; set; }

    /// <summary>Where blocks attend.</summary>
    public DitAttention Attention { get; set; } = DitAttention.Global;

    /// <summary>Rows that a sentence is padded or cut to.</summary>
    public int? MaxTokens { get; set; }

    /// <summary>Layers of the text encoder that are run.</summary>
    public int BertLayers { get; set; } = 1;

    /// <summary>Probability above which a pixel is inside.</summary>
    public double MaskThreshold { get; set; } = 0.35;

    /// <summary>What the end-to-end variant does before later blocks.</summary>
    public EndToEndMode EditMode { get; set; } = EndToEndMode.Code;

    /// <summary>When a pixel of the picture that lies between pixels of the square is inside.</summary>
    public DitBinarise EvalBinarise { get; set; } = DitBinarise.Any;

    /// <summary>Whether padding of a sentence is left out.</summary>
    public bool MaskTextPadding { get; set; }

    /// <summary>Folder with the text encoder's vocabulary; null for the checkpoint's folder.</summary>
    public string? Tokenizer { get; set; }

    /// <summary>Heads of the text encoder; null for one each 64 channels.</summary>
    public int? TextHeads { get; set; }

    /// <inheritdoc cref="SamOptions.DecoderHeads"/>
    public int? DecoderHeads { get; set; }

    /// <inheritdoc cref="SamOptions.Dtype"/>
    public EncoderType Dtype { get; set; } = EncoderType.Float32;

    /// <inheritdoc cref="SamOptions.Weights"/>
    [AllowedValues(WeightFormats.Stored, WeightFormats.Int8)]
    public string Weights { get; set; } = WeightFormats.Stored;

    internal WeightFormat Format => WeightFormats.Find(Weights) ?? WeightFormat.Stored;

    public void Validate()
    {
        if (ImageSize is < SmallestImage or > LargestImage)
        {
            throw Error($"ImageSize is {ImageSize}; give a multiple of a patch (16 pixels) from {SmallestImage} to {LargestImage}");
        }

        if (MaxTokens is < FewestTokens or > MostTokens)
        {
            throw Error($"MaxTokens is {MaxTokens}; give a number from {FewestTokens} to {MostTokens}");
        }

        if (BertLayers is < 1 or > MostLayers)
        {
            throw Error($"BertLayers is {BertLayers}; give a number from 1 to {MostLayers}");
        }

        if (!(MaskThreshold > 0 && MaskThreshold < 1))
        {
            throw Error(FormattableString.Invariant($"MaskThreshold is {MaskThreshold}; give a probability above 0 and below 1"));
        }

        SamOptions.CheckHeads(DitFactory.SegmenterName, nameof(TextHeads), TextHeads);
        SamOptions.CheckHeads(DitFactory.SegmenterName, nameof(DecoderHeads), DecoderHeads);
    }

    internal static IReadOnlyList<MethodOption> Describe() =>
    [
        new(nameof(Variant), "text", "the checkpoint's", "LayerWise, EndToEnd, TokenLayerWise, EndToEndToken or Default. Layer-wise and end-to-end files look "
            + "the same and are taken for layer-wise."),
        new(nameof(Backbone), "text", nameof(DitBackbone.Auto), "VitB, VitL or VitH refuses a file with another image encoder."),
        new(nameof(ImageSize), "integer", "512, or the checkpoint's if smaller", "Side of the picture in pixels, a multiple of a patch; positions are "
            + "resampled."),
        new(nameof(Attention), "text", nameof(DitAttention.Global), "Global: every block attends everywhere, as published. Windowed: in SAM's windows, each of "
            + "which sees the sentence."),
        new(nameof(MaxTokens), "integer", "20", "Rows that a sentence is padded or cut to, 3 to 512; token variants have a number of their own."),
        new(nameof(BertLayers), "integer", "1", "Layers of the text encoder that are run: the published code runs one."),
        new(nameof(MaskThreshold), "number", "0.35", "Probability above which a pixel is inside."),
        new(nameof(EditMode), "text", nameof(EndToEndMode.Code), "End-to-end: Code projects the sentence's rows before every block, Paper before the first "
            + "only."),
        new(nameof(EvalBinarise), "text", nameof(DitBinarise.Any), "Any: a pixel of the picture is inside if anything of it was, as the published evaluation "
            + "has it. Half: if more than half was."),
        new(nameof(MaskTextPadding), "true/false", "false", "Leaves out the padding of sentences, which the published nets read."),
        new(nameof(Tokenizer), "text", "the checkpoint's folder", "Folder or hub id with the text encoder's vocab.txt, such as bert-base-uncased."),
        new(nameof(TextHeads), "integer", "width / 64", "Heads of the text encoder."),
        .. SamOptions.Describe(),
    ];

    private static ApertureException Error(string message) => new($"{DitFactory.SegmenterName}: {message}.");
}

/// <summary>Image encoders that there are.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<DitBackbone>))]
internal enum DitBackbone
{
    Auto,
    VitB,
    VitL,
    VitH,
}

/// <summary>Where the blocks of the image encoder attend.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<DitAttention>))]
internal enum DitAttention
{
    Global,
    Windowed,
}

/// <summary>When a resized pixel is inside a mask.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<DitBinarise>))]
internal enum DitBinarise
{
    Any,
    Half,
}
