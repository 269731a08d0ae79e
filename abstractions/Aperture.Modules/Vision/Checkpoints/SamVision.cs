namespace Aperture.Vision;

/// <summary>
/// The transformer of SAM's image encoder: windows whose padding is attended, relative positions from queries. The neck behind it is not part of it.
/// </summary>
public static class SamVision
{
    /// <summary>Names of the published files, behind <c>image_encoder.</c>.</summary>
    public static VisionKeys Keys { get; } = new()
    {
        Patches = "patch_embed.proj",
        Positions = "pos_embed",
        Blocks = "blocks.",
        Norm1 = "norm1",
        Fused = "attn.qkv",
        Output = "attn.proj",
        RelativeRows = "attn.rel_pos_h",
        RelativeColumns = "attn.rel_pos_w",
        Norm2 = "norm2",
        Up = "mlp.lin1",
        Down = "mlp.lin2",
    };

    /// <summary>Names of Hugging Face's files, behind <c>vision_encoder.</c>.</summary>
    public static VisionKeys HuggingFaceKeys { get; }
        = Keys with { Patches = "patch_embed.projection", Blocks = "layers.", Norm1 = "layer_norm1", Norm2 = "layer_norm2" };

    /// <summary>The options of SAM on given sizes.</summary>
    /// <param name="sizes">Sizes; other options are replaced.</param>
    /// <param name="window">Side of a window in patches: 14 in the published models.</param>
    /// <param name="global">Blocks that attend everywhere.</param>
    public static VisionTransformerConfig Options(VisionTransformerConfig sizes, int window, IReadOnlyList<int> global) => sizes with
    {
        Activation = "gelu",
        NormEpsilon = 1e-6,
        ClassToken = false,
        PreNorm = false,
        PatchBias = true,
        Positions = VisionPositions.Grid,
        RelativePositions = true,
        WindowSize = window,
        GlobalBlocks = global,
        WindowPadding = WindowPadding.Attended,
    };
}
