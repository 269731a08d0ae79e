using System.Text.Json;
using Aperture.Decoding;
using Aperture.Models;
using Aperture.Weights;

namespace Aperture.Vision;

/// <summary>CLIP's vision transformer as Hugging Face writes it: quick GELU, a class token, a norm before the first block.</summary>
public static class ClipVision
{
    private const int HeadSize = 64;

    /// <summary>Names behind <c>vision_model.</c>.</summary>
    public static VisionKeys Keys { get; } = new()
    {
        ClassEmbedding = "embeddings.class_embedding",
        Patches = "embeddings.patch_embedding",
        Positions = "embeddings.position_embedding.weight",
        PreNorm = "pre_layrnorm", // spelled as in the checkpoints
        PostNorm = "post_layernorm",
        Blocks = "encoder.layers.",
        Norm1 = "layer_norm1",
        Query = "self_attn.q_proj",
        Key = "self_attn.k_proj",
        Value = "self_attn.v_proj",
        Output = "self_attn.out_proj",
        Norm2 = "layer_norm2",
        Up = "mlp.fc1",
        Down = "mlp.fc2",
    };

    /// <summary>Loads weights: see <see cref="VisionTransformerWeights.Load"/>.</summary>
    /// <param name="source">The checkpoint; must outlive the weights, whose memory it may be.</param>
    /// <param name="prefix">What stands before <c>embeddings</c>, such as <c>vision_model.</c>.</param>
    /// <param name="config">Sizes and options.</param>
    /// <param name="policy">Where and in which type.</param>
    /// <param name="blocks">How many blocks are needed.</param>
    /// <param name="postNorm">Whether the norm behind the last block is needed.</param>
    /// <exception cref="ApertureException">A tensor is missing or has another shape.</exception>
    public static VisionTransformerWeights Load(
        IWeightSource source, string prefix, VisionTransformerConfig config, WeightPolicy policy, int blocks, bool postNorm)
        => VisionTransformerWeights.Load(source, prefix, Keys, config, policy, blocks, postNorm);

    /// <summary>Reads a configuration; absent keys take the class defaults.</summary>
    /// <param name="json">The configuration object, or a whole CLIP config.json that holds one under <c>vision_config</c>.</param>
    /// <param name="where">File name for messages.</param>
    /// <param name="defaults">Values of absent keys; null for the class defaults.</param>
    /// <exception cref="ApertureException">A value has the wrong type or range.</exception>
    public static VisionTransformerConfig Parse(JsonElement json, string where, VisionTransformerConfig? defaults = null)
    {
        defaults ??= new VisionTransformerConfig { HiddenSize = 768, IntermediateSize = 3072, Layers = 12, Heads = 12, ImageSize = 224, PatchSize = 32 };
        return VisionConfigJson.Read(json, where, defaults).Validated(where);
    }

    /// <summary>
    /// The sizes of stored weights, for checkpoints whose configuration does not tell them. Heads have 64 channels, as in all published towers.
    /// </summary>
    /// <param name="source">The checkpoint.</param>
    /// <param name="prefix">What stands before <c>embeddings</c>.</param>
    /// <exception cref="ApertureException">A tensor is missing, or its shape is none of such a tower.</exception>
    public static VisionTransformerConfig Of(IWeightSource source, string prefix)
    {
        long[] patch = source.Describe(prefix + Keys.Patches + ".weight").Shape, table = source.Describe(prefix + Keys.Positions).Shape;
        long side = (long)Math.Round(Math.Sqrt(table[0] - 1));
        int layers = 0;
        while (source.Contains($"{prefix}{Keys.Blocks}{layers}.{Keys.Norm1}.weight"))
        {
            layers++;
        }

        if (patch.Length != 4 || patch[0] % HeadSize != 0 || (side * side) + 1 != table[0] || layers == 0)
        {
            throw new ApertureException(
                $"The sizes of the tower under '{prefix}' cannot be told from its weights ({patch[0]} channels, {table[0]} positions, {layers} blocks); "
                + "give the folder of its config.json as the tower option, or vision_config in config.json.");
        }

        return new VisionTransformerConfig
        {
            HiddenSize = (int)patch[0],
            IntermediateSize = (int)source.Describe($"{prefix}{Keys.Blocks}0.{Keys.Up}.weight").Shape[0],
            Layers = layers,
            Heads = (int)patch[0] / HeadSize,
            ImageSize = (int)(side * patch[2]),
            PatchSize = (int)patch[2],
        }.Validated(prefix);
    }
}
