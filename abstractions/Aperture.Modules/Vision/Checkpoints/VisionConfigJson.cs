using System.Text.Json;
using Aperture.Models;

namespace Aperture.Vision;

/// <summary>The keys that Hugging Face configurations of vision transformers share.</summary>
internal static class VisionConfigJson
{
    /// <summary>The configuration object, or the one under <c>vision_config</c>.</summary>
    public static ConfigReader Open(JsonElement json, string where)
    {
        ConfigReader config = new(json, where);
        return config.Has("vision_config") ? config.Child("vision_config") : config;
    }

    /// <summary>Reads sizes, activation and epsilon; everything else and absent keys are the defaults'.</summary>
    public static VisionTransformerConfig Read(JsonElement json, string where, VisionTransformerConfig defaults)
    {
        ConfigReader config = Open(json, where);
        return defaults with
        {
            HiddenSize = config.Size("hidden_size", defaults.HiddenSize),
            IntermediateSize = config.Size("intermediate_size", defaults.IntermediateSize),
            Layers = config.Size("num_hidden_layers", defaults.Layers),
            Heads = config.Size("num_attention_heads", defaults.Heads),
            ImageSize = config.Size("image_size", defaults.ImageSize),
            PatchSize = config.Size("patch_size", defaults.PatchSize),
            Activation = config.Text("hidden_act", defaults.Activation)!,
            NormEpsilon = config.Number("layer_norm_eps", defaults.NormEpsilon),
        };
    }
}
