using Aperture.Decoding;
using Aperture.Models;
using Aperture.Vision;

namespace Aperture.Benchmarks;

/// <summary>Sizes of a model to measure with random weights.</summary>
/// <param name="Name">Name on the command line.</param>
/// <param name="Decoder">The decoder.</param>
/// <param name="Vision">The vision tower; null for a decoder alone.</param>
public sealed record ModelShape(string Name, DecoderSpec Decoder, VisionTransformerConfig? Vision)
{
    /// <summary>All shapes by name.</summary>
    public static IReadOnlyList<ModelShape> All { get; } =
    [
        new("llama-1.1b", Llama(2048, 5632, 22, 32, 4, 64), null),
        new(
            "llava-1.5-7b",
            Llama(4096, 11008, 32, 32, 32, 128),
            new VisionTransformerConfig { HiddenSize = 1024, IntermediateSize = 4096, Layers = 24, Heads = 16, ImageSize = 336, PatchSize = 14 }),
    ];

    /// <summary>The decoder as methods see it.</summary>
    public DecoderInfo Info => Decoder.Describe(Name, visualTokens: 576);

    /// <summary>The shape of a name.</summary>
    /// <param name="name">The name.</param>
    /// <exception cref="ApertureException">No shape has this name.</exception>
    public static ModelShape Find(string name)
        => All.FirstOrDefault(shape => shape.Name == name)
            ?? throw new ApertureException($"Shape '{name}' is not known; use {string.Join(" or ", All.Select(shape => shape.Name))}.");

    private static DecoderSpec Llama(int hidden, int intermediate, int layers, int heads, int keyValueHeads, int head) => new()
    {
        HiddenSize = hidden,
        IntermediateSize = intermediate,
        Layers = layers,
        Heads = heads,
        KeyValueHeads = keyValueHeads,
        HeadSize = head,
        VocabularySize = 32000,
        NormEpsilon = 1e-5,
        MaxPositions = 4096,
        Rotary = new RotaryConfig { Dimensions = head, MaxPositions = 4096 },
    };
}
