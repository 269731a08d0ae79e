using System.Text.Json;
using Aperture.Models;

namespace Aperture.Vision;

/// <summary>SigLIP's vision transformer: GELU by tanh, a bias in the patch embedding, no class token and no norm before the first block.</summary>
public static class SiglipVision
{
    /// <summary>Names behind <c>vision_model.</c>: those of CLIP.</summary>
    public static VisionKeys Keys => ClipVision.Keys;

    /// <summary>SigLIP's form in the sizes that a configuration without any stands for.</summary>
    public static VisionTransformerConfig Defaults { get; } = new()
    {
        HiddenSize = 768,
        IntermediateSize = 3072,
        Layers = 12,
        Heads = 12,
        ImageSize = 224,
        PatchSize = 16,
        Activation = "gelu_pytorch_tanh",
        NormEpsilon = 1e-6,
        ClassToken = false,
        PreNorm = false,
        PatchBias = true,
        Positions = VisionPositions.Grid,
    };

    /// <summary>Reads a configuration; absent keys take the class defaults.</summary>
    /// <param name="json">The configuration object, or a whole SigLIP config.json that holds one under <c>vision_config</c>.</param>
    /// <param name="where">File name for messages.</param>
    /// <exception cref="ApertureException">A value has the wrong type or range.</exception>
    public static VisionTransformerConfig Parse(JsonElement json, string where) => VisionConfigJson.Read(json, where, Defaults).Validated(where);
}
