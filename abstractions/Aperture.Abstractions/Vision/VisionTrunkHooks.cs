using static TorchSharp.torch;

namespace Aperture.Vision;

/// <summary>
/// Callbacks inside a vision transformer. Each gets the batch's rows <c>[batch, tokens, channels]</c>, borrowed, and gives their replacement, or null to leave them.
/// The trunk disposes replacements. What is null is not called.
/// </summary>
public sealed record VisionTrunkHooks
{
    /// <summary>After patches, class token and positions are joined, before the first norm.</summary>
    public Func<Tensor, Tensor?>? AfterEmbedding { get; init; }

    /// <summary>Before a block: block index, input rows.</summary>
    public Func<int, Tensor, Tensor?>? BeforeBlock { get; init; }

    /// <summary>Before a block's attention: block index, normalised rows.</summary>
    public Func<int, Tensor, Tensor?>? BeforeAttention { get; init; }

    /// <summary>After a block: block index, output rows.</summary>
    public Func<int, Tensor, Tensor?>? AfterBlock { get; init; }

    /// <summary>Rows put in front of the tokens that have no place in the grid, <c>[batch, prefix, channels]</c>, borrowed; they are cut off again at the end.</summary>
    public Tensor? PrefixRows { get; init; }

    /// <summary>Which rows a block's attention connects: window side in patches, 0 for all. Null means all everywhere.</summary>
    public Func<int, int>? WindowOfBlock { get; init; }

    /// <summary>A bias on a block's attention logits computed from its queries <c>[batch, heads, tokens, head]</c>; broadcast to <c>[batch, heads, tokens, tokens]</c>.</summary>
    public Func<int, Tensor, Tensor?>? AttentionBias { get; init; }

    /// <summary>Stop after this many blocks; null runs as many as the encoder needs.</summary>
    public int? StopAfterBlocks { get; init; }
}
