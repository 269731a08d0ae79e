using Aperture.Decoding;

namespace Aperture.Workshop;

/// <summary>Sizes of the small model's decoder, and the names of its parts.</summary>
internal static class ShelfArchitecture
{
    public const string TowerPrefix = "vision_tower.vision_model.", ProjectorPrefix = "multi_modal_projector.";
    public const string DecoderPrefix = "language_model.model.", Head = "language_model.lm_head";

    // LLaVA-1.5 takes the output of the last block but one; the last block never runs.
    public const int FeatureLayer = -2;

    public static ShelfNames Names { get; } = new(DecoderPrefix, Head, [ProjectorPrefix + "linear_1", ProjectorPrefix + "linear_2"]);

    public static DecoderSpec Decoder(int vocabulary) => new()
    {
        HiddenSize = 128,
        IntermediateSize = 352,
        Layers = 8,
        Heads = 4,
        KeyValueHeads = 4,
        HeadSize = 32,
        VocabularySize = vocabulary,
        NormEpsilon = 1e-5,
        MaxPositions = 2048,
        Rotary = new RotaryConfig { Theta = 1e6, Dimensions = 32, MaxPositions = 2048 },
    };

    public static DecoderInfo Info(DecoderSpec config, int visualTokens = 144) => config.Describe("tiny-llava", visualTokens);
}

/// <summary>Where a model that is trained keeps its parts.</summary>
/// <param name="Decoder">What stands before <c>embed_tokens</c>.</param>
/// <param name="Head">The output matrix, without <c>.weight</c>.</param>
/// <param name="Projector">The projector's two linear layers, without <c>.weight</c>.</param>
internal sealed record ShelfNames(string Decoder, string Head, IReadOnlyList<string> Projector)
{
    private static readonly string[] _parts = ["layers.", "embed_tokens.", "norm."];

    /// <summary>Names of the word embeddings.</summary>
    public string Embeddings => Decoder + "embed_tokens.weight";

    /// <summary>Whether a parameter is the decoder's.</summary>
    public bool IsLanguage(string name)
        => Starts(name, Head + ".") || Array.Exists(_parts, part => Starts(name, Decoder + part));

    /// <summary>Whether a parameter is the projector's.</summary>
    public bool IsProjector(string name) => Projector.Any(layer => Starts(name, layer + "."));

    private static bool Starts(string name, string prefix) => name.StartsWith(prefix, StringComparison.Ordinal);
}

/// <summary>The patches of a shelf's picture: a square grid, as many a place along each side.</summary>
/// <param name="Grid">Patches along a side of the picture, a multiple of <see cref="ShelfWords.Side"/>.</param>
internal sealed record ShelfPatches(int Grid)
{
    /// <summary>All of them.</summary>
    public int Count => Grid * Grid;

    /// <summary>Patches along a place's side.</summary>
    public int PerSide => Grid / ShelfWords.Side;

    /// <summary>Patches of a place.</summary>
    public int PerPlace => PerSide * PerSide;

    /// <summary>The place of the shelf that a patch lies in.</summary>
    public int PlaceOf(int patch) => (patch / Grid / PerSide * ShelfWords.Side) + (patch % Grid / PerSide);
}
