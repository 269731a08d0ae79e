namespace Aperture.Vision;

/// <summary>
/// The transformer of Qwen2-VL and Qwen2.5-VL: flattened patches of two frames in blocks of 2 by 2, rotary positions and no table. The merger behind it is
/// not part of it.
/// Every frame of a picture is a run of its own.
/// </summary>
public static class QwenVision
{
    /// <summary>Names of Qwen2-VL, behind <c>visual.</c>.</summary>
    public static VisionKeys Keys { get; } = new()
    {
        Patches = "patch_embed.proj",
        Blocks = "blocks.",
        Norm1 = "norm1",
        Fused = "attn.qkv",
        Output = "attn.proj",
        Norm2 = "norm2",
        Up = "mlp.fc1",
        Down = "mlp.fc2",
    };

    /// <summary>Names of Qwen2.5-VL, behind <c>visual.</c>.</summary>
    public static VisionKeys GatedKeys { get; } = Keys with { Gate = "mlp.gate_proj", Up = "mlp.up_proj", Down = "mlp.down_proj" };

    /// <summary>The options of Qwen2-VL on given sizes.</summary>
    /// <param name="sizes">Sizes; other options are replaced, the activation and the number of frames stay.</param>
    public static VisionTransformerConfig Options(VisionTransformerConfig sizes) => sizes with
    {
        NormEpsilon = 1e-6,
        ClassToken = false,
        PreNorm = false,
        Positions = VisionPositions.None,
        Rotary = new VisionRotary(RotaryPairs.Halves),
    };

    /// <summary>The options of Qwen2.5-VL on given sizes.</summary>
    /// <param name="sizes">Sizes; other options are replaced, the activation and the number of frames stay.</param>
    /// <param name="window">Side of a window in patches: 8 in the published models.</param>
    /// <param name="global">Blocks that attend everywhere.</param>
    public static VisionTransformerConfig GatedOptions(VisionTransformerConfig sizes, int window, IReadOnlyList<int> global) => Options(sizes) with
    {
        Gated = true,
        Norm = VisionNorm.Rms,
        WindowSize = window,
        GlobalBlocks = global,
        WindowPadding = WindowPadding.Masked,
    };

    /// <summary>
    /// The grid place of each patch in the order that these models keep: blocks of <paramref name="merge"/> by <paramref name="merge"/>, row by row.
    /// </summary>
    /// <param name="rows">Rows of the grid, a multiple of <paramref name="merge"/>.</param>
    /// <param name="columns">Columns of the grid, a multiple of <paramref name="merge"/>.</param>
    /// <param name="merge">Side of a block: 2 in the published models.</param>
    public static int[] Places(int rows, int columns, int merge)
    {
        int[] places = new int[rows * columns];
        for (int i = 0; i < places.Length; i++)
        {
            int block = i / (merge * merge), within = i % (merge * merge), blocks = columns / merge;
            places[i] = (((block / blocks * merge) + (within / merge)) * columns) + (block % blocks * merge) + (within % merge);
        }

        return places;
    }
}
