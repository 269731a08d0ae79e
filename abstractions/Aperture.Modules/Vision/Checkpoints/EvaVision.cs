namespace Aperture.Vision;

/// <summary>EVA-02 as Eagle's detector tower: rotary positions, gated feed-forward networks with a norm inside, windows; keys have no bias.</summary>
public static class EvaVision
{
    /// <summary>Names of the published files.</summary>
    public static VisionKeys Keys { get; } = new()
    {
        Patches = "patch_embed.proj",
        Positions = "pos_embed",
        Blocks = "blocks.",
        Norm1 = "norm1",
        Query = "attn.q_proj",
        Key = "attn.k_proj",
        Value = "attn.v_proj",
        QueryBias = "attn.q_bias",
        ValueBias = "attn.v_bias",
        Output = "attn.proj",
        Norm2 = "norm2",
        Gate = "mlp.w1",
        Up = "mlp.w2",
        FeedForwardNorm = "mlp.ffn_ln",
        Down = "mlp.w3",
    };

    /// <summary>The options of EVA-02 on given sizes.</summary>
    /// <param name="sizes">Sizes; other options are replaced.</param>
    /// <param name="table">Rows and columns of the position table's grid: 14 in the published model.</param>
    /// <param name="window">Side of a window in patches: 16 in the published model.</param>
    /// <param name="global">Blocks that attend everywhere.</param>
    public static VisionTransformerConfig Options(VisionTransformerConfig sizes, int table, int window, IReadOnlyList<int> global) => sizes with
    {
        Activation = "silu",
        NormEpsilon = 1e-6,
        Gated = true,
        FeedForwardNorm = true,
        KeyBias = false,
        ClassToken = false,
        PreNorm = false,
        PatchBias = true,
        Positions = VisionPositions.ClassAndGrid,
        PositionGrid = table,
        Rotary = new VisionRotary(RotaryPairs.Neighbours) { Length = 16 },
        WindowSize = window,
        GlobalBlocks = global,
    };
}
