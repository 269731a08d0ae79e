using Aperture.Decoding;
using Aperture.Models;
using Aperture.Vision;

namespace Aperture.Workshop;

/// <summary>Sizes of the small model.</summary>
internal static class ShelfArchitecture
{
    public const string TowerPrefix = "vision_tower.vision_model.", ProjectorPrefix = "multi_modal_projector.";
    public const string DecoderPrefix = "language_model.model.", Head = "language_model.lm_head";

    // LLaVA-1.5 takes the output of the last block but one; the last block never runs.
    public const int FeatureLayer = -2;

    public static VisionTransformerConfig Tower { get; } = new()
    {
        HiddenSize = 128,
        IntermediateSize = 512,
        Layers = 5,
        Heads = 4,
        ImageSize = ShelfPainter.Side,
        PatchSize = 8,
    };

    public static int FeatureBlocks => Tower.Layers + 1 + FeatureLayer;

    public static int Patches => Tower.Grid * Tower.Grid;

    // Patches along a place's side, and in all of it.
    public static int PatchesPerSide => Tower.Grid / ShelfWords.Side;

    public static int PatchesPerPlace => PatchesPerSide * PatchesPerSide;

    public static IReadOnlyList<string> ProjectorLayers { get; } = [ProjectorPrefix + "linear_1", ProjectorPrefix + "linear_2"];

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

    public static DecoderInfo Info(DecoderSpec config) => config.Describe("tiny-llava", Patches);

    // The place of the shelf that a patch lies in.
    public static int PlaceOf(int patch) => (patch / Tower.Grid / PatchesPerSide * ShelfWords.Side) + (patch % Tower.Grid / PatchesPerSide);
}
