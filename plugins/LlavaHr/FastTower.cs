using System.Text.Json;
using Aperture.Models;
using Aperture.Vision;
using Aperture.Weights;

namespace Aperture.Plugins.LlavaHr;

/// <summary>Sizes of the low-resolution tower: published configurations do not tell them.</summary>
internal static class FastTower
{
    /// <summary>The sizes: of <c>vision_config</c>, of the folder that the user named, or of the weights.</summary>
    /// <param name="checkpoint">The checkpoint.</param>
    /// <param name="weights">Its weights with what was looked for elsewhere.</param>
    /// <param name="keys">Where they keep the tower.</param>
    /// <param name="opening">May name a folder of the tower.</param>
    /// <exception cref="ApertureException">The tower is missing, or its sizes cannot be told.</exception>
    public static VisionTransformerConfig SizesOf(EncoderCheckpoint checkpoint, IWeightSource weights, LlavaHrKeys keys, ModelOpening opening)
    {
        ConfigReader config = checkpoint.Config;
        if (config.Has("vision_config"))
        {
            return ClipVision.Parse(config.Child("vision_config").Root, config.Where);
        }

        if (opening.Tower is { } folder && Path.Combine(folder, ModelFolder.ConfigFile) is { } file && File.Exists(file))
        {
            JsonElement json = ModelFolder.ReadJson(file);
            return ClipVision.Parse(json, file);
        }

        return ClipVision.Of(weights, keys.Fast);
    }
}
