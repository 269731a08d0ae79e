using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using Aperture.Decoding;

namespace Aperture.Plugins.Eas.Meter;

/// <summary>What a user may set when opening a METER.</summary>
// Settable, not init-only: source-generated JSON gives init-only properties that are absent no default value.
internal sealed record MeterOptions : IMethodOptions
{
    private const int LongestText = 512, LargestImage = 4096, MostHeads = 1024;

    /// <summary>Folder with the tokenizer of the text encoder; null for the checkpoint's folder.</summary>
    public string? Tokenizer { get; set; }

    /// <summary>File with the answers of visual question answering; null leaves them as numbers.</summary>
    public string? Labels { get; set; }

    /// <summary>A weights file with EAS's adapters and heads, laid over the checkpoint; null for none.</summary>
    public string? Adapters { get; set; }

    /// <summary>The attentions to skip: a list of arms, or a file of a search. Null takes those of a search checkpoint.</summary>
    public JsonElement? Skip { get; set; }

    /// <summary>Whether arms 18 to 23 mean the picture's self-attention, as in the published code, instead of its cross-attention.</summary>
    public bool LegacyArmMap { get; set; } = true;

    /// <summary>Side of the picture in pixels; null for the checkpoint's.</summary>
    public int? ImageSize { get; set; }

    /// <summary>Tokens that a text is padded or cut to; null for 40 in retrieval and matching and 50 elsewhere.</summary>
    public int? TextLength { get; set; }

    /// <summary>Heads of text encoder and cross-modal layers; null for one each 64 channels.</summary>
    public int? Heads { get; set; }

    /// <summary>Heads of the vision encoder; null for one each 64 channels.</summary>
    public int? VisionHeads { get; set; }

    /// <summary>How the matrices of linear layers are kept.</summary>
    [AllowedValues(WeightFormats.Stored, WeightFormats.Int8)]
    public string Weights { get; set; } = WeightFormats.Stored;

    internal WeightFormat Format => WeightFormats.Find(Weights) ?? WeightFormat.Stored;

    public void Validate()
    {
        Range(nameof(ImageSize), ImageSize, 1, LargestImage);
        Range(nameof(TextLength), TextLength, 2, LongestText);
        Range(nameof(Heads), Heads, 1, MostHeads);
        Range(nameof(VisionHeads), VisionHeads, 1, MostHeads);
        if (Skip is { ValueKind: not (JsonValueKind.Null or JsonValueKind.Undefined or JsonValueKind.Array or JsonValueKind.String) })
        {
            throw new ApertureException(
                $"{MeterFactory.ClassifierName}: Skip must be a list of numbers such as [16, 13, 6] or the name of a search's file, not "
                + $"{Skip.Value.GetRawText()}.");
        }
    }

    internal static IReadOnlyList<MethodOption> Describe() =>
    [
        new(nameof(Tokenizer), "text", "the checkpoint's folder", "Folder or hub id of the text encoder's tokenizer, such as FacebookAI/roberta-base."),
        new(nameof(Labels), "text", "none", "File with the answers of visual question answering: a JSON list, a JSON object between answers and numbers, or "
            + "one answer a line."),
        new(nameof(Adapters), "text", "none", "Weights file with EAS's adapters and heads, laid over the checkpoint."),
        new(nameof(Skip), "list of integers or text", "a search checkpoint's choice", "Attentions to skip, 0 to 23, or a search's JSON file; [] skips "
            + "nothing."),
        new(nameof(LegacyArmMap), "true/false", "true", "18 to 23 mean the picture's self-attention as in the published code; false: its cross-attention."),
        new(nameof(ImageSize), "integer", "the checkpoint's", "Side of the picture in pixels; positions are resampled."),
        new(nameof(TextLength), "integer", "50; 40 for retrieval and match", "Tokens that a text is padded or cut to, 2 to 512."),
        new(nameof(Heads), "integer", "width / 64", "Heads of the text encoder and the cross-modal layers."),
        new(nameof(VisionHeads), "integer", "width / 64", "Heads of the vision encoder."),
        new(nameof(Weights), "text", "stored", "stored, or int8: the matrices of both encoders, the cross-modal layers and the heads in eight bits, on the "
            + "CPU; adapters and the picture's patches stay."),
    ];

    private static void Range(string option, int? value, int lowest, int highest)
    {
        if (value is { } given && (given < lowest || given > highest))
        {
            throw new ApertureException($"{MeterFactory.ClassifierName}: {option} is {given}; give a number from {lowest} to {highest}.");
        }
    }
}
