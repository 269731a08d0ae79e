using System.Text.Json;
using Aperture.Images;
using Aperture.Models;
using Aperture.Text;
using Aperture.Vision;

namespace Aperture.Plugins.Llava;

/// <summary>What LLaVA-1.6 has in other ways than LLaVA-1.5: encoder, projector, packer and prompt.</summary>
internal static class LlavaNextParts
{
    private const string ChatMarker = "<|im_start|>", ChatEnd = "<|im_end|>"; // tokens of the tokenizers that the ChatML variants were trained with

    /// <summary>The parts of a model that looks at pictures in tiles.</summary>
    /// <param name="plain">The parts of the model as one that looks at a picture once.</param>
    /// <param name="config">The configuration.</param>
    /// <param name="tower">The tower, which looks at each tile; in the keeping of <paramref name="opening"/>.</param>
    /// <param name="opening">Keeps the parts.</param>
    /// <param name="folder">The checkpoint's folder, for messages.</param>
    /// <exception cref="ApertureException">The configuration has no resolutions, ones that do not fit the tower, or a class token in a joined grid.</exception>
    public static ModelParts Of(ModelParts plain, LlavaConfig config, VisionTransformerEncoder tower, ModelOpening opening, string folder)
    {
        string where = Path.Combine(folder, ModelFolder.ConfigFile);
        LlavaTiling tiling = (config.Tiling ?? throw new ApertureException(
            $"{where} has no {LlavaTiling.PinpointsKey}, so its pictures are not looked at in tiles; use pad or crop instead of anyres."))
            .CheckedFor(tower.Tower.Config.InputSize, where);
        if (tower.KeepsClassToken && tiling.Merge != TileMerge.Flat)
        {
            throw new ApertureException(
                $"{where}: the class token is kept, which has no place in the grid that tiles are joined to; select patches only, or merge them flat.");
        }

        bool separates = tiling.Merge == TileMerge.SpatialUnpad
            && (tiling.NeedsSeparator || plain.Weights.Contains(LlavaNextProjector.SeparatorName));
        ResampleFilter filter = config.Layout == LlavaLayout.HuggingFace ? tower.Processor.Config.Resample : ResampleFilter.Bicubic;
        PlaceholderPacker packer = (PlaceholderPacker)plain.Packer;
        return plain with
        {
            Encoder = new LlavaTilingEncoder(tower, tiling, filter, separates),
            Projector = separates
                ? new LlavaNextProjector(
                    plain.Projector, opening.Keep(LlavaNextProjector.Load(plain.Weights, config.Decoder.HiddenSize, plain.Policy)), plain.Policy)
                : plain.Projector,
            Packer = new LlavaNextPacker(packer.ImageToken, config.Decoder.MaxPositions)
            {
                MaxRows = packer.MaxRows,
                OnTooLong = packer.OnTooLong,
                SeenIds = packer.SeenIds,
            },
            VisualTokens = 0,
            Generation = plain.Tokenizer?.IdOf(ChatMarker) is not null && plain.Tokenizer.IdOf(ChatEnd) is { } end
                ? plain.Generation with { EndOfSequence = [end] }
                : plain.Generation,
        };
    }

    /// <summary>The template that a checkpoint was trained with.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="tokenizer">The tokenizer; null without one.</param>
    public static string Template(LlavaConfig config, ITokenizer? tokenizer)
        => config.Tiling is null && config.Layout == LlavaLayout.HuggingFace ? "llava_hf"
            : config.DecoderType == "mistral" ? "mistral_instruct"
            : config.Tiling is not null && tokenizer?.IdOf(ChatMarker) is not null ? "chatml_direct"
            : "vicuna_v1";

    /// <summary>Checks that the preprocessing's file names the resolutions of the configuration.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="processor">The content of <c>preprocessor_config.json</c>.</param>
    /// <param name="where">File name for messages.</param>
    /// <exception cref="ApertureException">They differ, so that pictures are cut otherwise than their rows are joined.</exception>
    public static void CheckProcessor(LlavaConfig config, JsonElement processor, string where)
    {
        ConfigReader reader = new(processor, where);
        if (config is not { Layout: LlavaLayout.HuggingFace, Tiling: { } tiling } || !reader.Has(LlavaTiling.PinpointsKey))
        {
            return;
        }

        if (!LlavaTiling.ParseHuggingFace(reader).Pinpoints.SequenceEqual(tiling.Pinpoints))
        {
            throw new ApertureException(
                $"{where}: {LlavaTiling.PinpointsKey} differs from that of {ModelFolder.ConfigFile} beside it; pictures must be cut as their rows are joined.");
        }
    }
}
