namespace MyFamily;

/// <summary>How the checkpoint names its parts, and what the engine calls the decoder's.</summary>
internal static class MyFamilyKeys
{
    /// <summary>What stands before the tower's <c>embeddings</c> and <c>encoder</c>.</summary>
    public const string Tower = "vision_tower.vision_model.";

    private const string Decoder = "language_model.model.", Head = "language_model.lm_head.";

    /// <summary>The projector's layers, without <c>.weight</c>.</summary>
    public static IReadOnlyList<string> Projector { get; } = ["multi_modal_projector.linear_1", "multi_modal_projector.linear_2"];

    /// <summary>The engine's name: <c>model.layers.0.…</c> and <c>lm_head.weight</c> for the decoder's; others stay as they are.</summary>
    /// <param name="name">The checkpoint's name.</param>
    public static string Canonical(string name)
        => name.StartsWith(Decoder, StringComparison.Ordinal) ? "model." + name[Decoder.Length..]
            : name.StartsWith(Head, StringComparison.Ordinal) ? "lm_head." + name[Head.Length..]
            : name;

    /// <summary>Whether a tensor belongs to tower or projector, or is a buffer that checkpoints carry along.</summary>
    /// <param name="name">The checkpoint's name.</param>
    public static bool IsClaimed(string name)
        => name.StartsWith(Tower, StringComparison.Ordinal) || Projector.Any(layer => name == layer + ".weight" || name == layer + ".bias")
            || name.EndsWith(".rotary_emb.inv_freq", StringComparison.Ordinal);
}
