using Aperture.Decoding;
using Aperture.Images;
using Aperture.Models;
using Aperture.Tasks;
using Aperture.Vision;

namespace Aperture.Plugins.Llava;

/// <summary>What a checkpoint says of its pictures and of the length of prompts.</summary>
internal static class LlavaSettings
{
    /// <summary>What is done to pictures before the tower.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="vision">The tower.</param>
    /// <param name="folder">The checkpoint's folder.</param>
    /// <param name="tell">Told what is set and not done.</param>
    /// <returns>The settings; null where the folder has none.</returns>
    /// <exception cref="ApertureException">They do not fit the tower, or differ from the configuration.</exception>
    public static ClipImageProcessorConfig? Pictures(LlavaConfig config, VisionTransformerConfig vision, ModelFolder folder, Action<string> tell)
    {
        if (ImageSettings.Find(folder, tell) is not { } settings)
        {
            return null;
        }

        LlavaNextParts.CheckProcessor(config, settings.Json, settings.Where);
        ClipImageProcessorConfig pictures = ClipImageProcessorConfig.Parse(settings.Json, settings.Where, vision.InputSize);
        if (config.InputImageSize is null)
        {
            bool pads = config.Aspect is ImageAspect.Pad || pictures.PadToSquare;
            (pictures with { PadToSquare = pads }).RequireFit(vision.InputSize, settings.Where);
        }

        return pictures;
    }

    /// <summary>Rows that prompts have at most; null for no limit of the family's own.</summary>
    public static int? Rows(LlavaConfig config, ModelOpening opening)
        => !opening.CutPrompt ? config.MaxPromptRows : Math.Min(config.MaxPromptRows ?? int.MaxValue, config.Decoder.Rotary.Reach);

    /// <summary>What happens to a prompt that is longer: the authors' code cuts it without a word, and the question with it.</summary>
    public static Action<int, int> TooLong(LlavaConfig config, ModelOpening opening, string folder)
    {
        string setting = config.MaxPromptRows is { } rows && rows <= config.Decoder.Rotary.Reach ? "tokenizer_model_max_length" : "max_position_embeddings";
        return (rows, limit) =>
        {
            string what = $"The prompt has {rows} rows, more than the {limit} of '{folder}' ({setting} in config.json)";
            if (!opening.CutPrompt)
            {
                throw new ApertureException($"{what}; write less, show fewer pictures, or have it cut (--cut-prompt, ModelOptions.CutPrompt).");
            }

            opening.Tell($"{what}; what stands behind row {limit} is cut off.");
        };
    }
}
