using System.Text.Json;
using Aperture.Models;

namespace Aperture.Vision;

/// <summary>
/// InternViT: exact GELU, scales on what blocks add; the 6B model has RMS norms, normalised queries and keys, and no bias on query, key and value.
/// </summary>
public static class InternVision
{
    /// <summary>Names behind <c>vision_model.</c>.</summary>
    public static VisionKeys Keys { get; } = new()
    {
        ClassEmbedding = "embeddings.class_embedding",
        Patches = "embeddings.patch_embedding",
        Positions = "embeddings.position_embedding",
        Blocks = "encoder.layers.",
        Norm1 = "norm1",
        Fused = "attn.qkv",
        QueryNorm = "attn.q_norm",
        KeyNorm = "attn.k_norm",
        Output = "attn.proj",
        Scale1 = "ls1",
        Norm2 = "norm2",
        Up = "mlp.fc1",
        Down = "mlp.fc2",
        Scale2 = "ls2",
    };

    /// <summary>Reads a configuration; absent keys take the class defaults.</summary>
    /// <param name="json">The configuration object, or a whole InternVL config.json that holds one under <c>vision_config</c>.</param>
    /// <param name="where">File name for messages.</param>
    /// <exception cref="ApertureException">A value has the wrong type or range.</exception>
    public static VisionTransformerConfig Parse(JsonElement json, string where)
    {
        VisionTransformerConfig defaults = new()
        {
            HiddenSize = 3200,
            IntermediateSize = 12800,
            Layers = 48,
            Heads = 25,
            ImageSize = 224,
            PatchSize = 14,
            Activation = "gelu",
            NormEpsilon = 1e-6,
            PreNorm = false,
            PatchBias = true,
            LayerScale = true,
        };
        ConfigReader config = VisionConfigJson.Open(json, where);
        return (VisionConfigJson.Read(json, where, defaults) with
        {
            QueryValueBias = config.Flag("qkv_bias", false),
            QueryKeyNorm = config.Flag("qk_normalization", true),
            Norm = config.Text("norm_type", "rms_norm") switch
            {
                "rms_norm" => VisionNorm.Rms,
                "layer_norm" => VisionNorm.Layer,
                string other => throw new ApertureException($"{where}: norm_type '{other}' is not supported; use rms_norm or layer_norm."),
                null => VisionNorm.Rms,
            },
        }).Validated(where);
    }
}
