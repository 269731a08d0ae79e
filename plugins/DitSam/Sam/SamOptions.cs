using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using Aperture.Decoding;
using static TorchSharp.torch;

namespace Aperture.Plugins.DitSam.Sam;

/// <summary>What a user may set when opening a SAM.</summary>
internal sealed record SamOptions : IMethodOptions
{
    /// <summary>Heads of the mask decoder.</summary>
    public int? DecoderHeads { get; set; }

    /// <summary>The element type of the image encoder.</summary>
    public EncoderType Dtype { get; set; } = EncoderType.Float32;

    /// <summary>How the matrices of linear layers are kept.</summary>
    [AllowedValues(WeightFormats.Stored, WeightFormats.Int8)]
    public string Weights { get; set; } = WeightFormats.Stored;

    internal WeightFormat Format => WeightFormats.Find(Weights) ?? WeightFormat.Stored;

    public void Validate() => CheckHeads(SamFactory.SegmenterName, nameof(DecoderHeads), DecoderHeads);

    internal static IReadOnlyList<MethodOption> Describe() =>
    [
        new(nameof(DecoderHeads), "integer", "8", "Heads of the mask decoder; 8 in all published models."),
        new(nameof(Dtype), "text", nameof(EncoderType.Float32), "Element type of the image encoder: Float32, BFloat16 or Float16; all else is float32."),
        new(nameof(Weights), "text", WeightFormats.Stored,
            "stored, or int8: the matrices of linear layers in eight bits, on the CPU; patches, neck and other convolutions stay."),
    ];

    /// <summary>Refuses a number of heads that no model has.</summary>
    internal static void CheckHeads(string name, string option, int? heads)
    {
        const int Most = 1024;
        if (heads is < 1 or > Most)
        {
            throw new ApertureException($"{name}: {option} is {heads}; give a number from 1 to {Most}.");
        }
    }
}

/// <summary>Element types of an image encoder.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<EncoderType>))]
internal enum EncoderType
{
    Float32,
    BFloat16,
    Float16,
}

/// <summary>Element types as libtorch knows them.</summary>
internal static class EncoderTypes
{
    public static ScalarType ToScalar(this EncoderType type) => type switch
    {
        EncoderType.BFloat16 => ScalarType.BFloat16,
        EncoderType.Float16 => ScalarType.Float16,
        _ => ScalarType.Float32,
    };
}
