using static TorchSharp.torch;

namespace Aperture.Vision;

/// <summary>
/// Callbacks inside a vision transformer. Each gets where it stands and the batch's rows <c>[batch, rows, channels]</c>, borrowed, and gives their
/// replacement, or null to
/// leave them. Each may change the number of rows, the same for the whole batch: see <see cref="IVisionContext.Keep"/>. The trunk disposes replacements.
/// What is null is not called.
/// </summary>
public sealed record VisionTrunkHooks
{
    /// <summary>After patches, class token and positions are joined, before the first norm.</summary>
    public Func<IVisionContext, Tensor, Tensor?>? AfterEmbedding { get; init; }

    /// <summary>Before a block: its input rows.</summary>
    public Func<IVisionContext, Tensor, Tensor?>? BeforeBlock { get; init; }

    /// <summary>
    /// Before a block's attention: its normalised rows. One that changes their number must say which go on: those that attention is added to follow.
    /// </summary>
    public Func<IVisionContext, Tensor, Tensor?>? BeforeAttention { get; init; }

    /// <summary>After a block: its output rows.</summary>
    public Func<IVisionContext, Tensor, Tensor?>? AfterBlock { get; init; }

    /// <summary>
    /// Rows put in front of the others, without a place in the grid, <c>[batch, prefix, channels]</c>, borrowed; they are cut off again at the end.
    /// </summary>
    public Tensor? PrefixRows { get; init; }
}
