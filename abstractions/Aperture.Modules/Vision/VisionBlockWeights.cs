using Aperture.Decoding;
using Aperture.Models;
using static TorchSharp.torch;

namespace Aperture.Vision;

/// <summary>The weights of one block of a vision transformer. Borrowed from the transformer's.</summary>
public sealed record VisionBlockWeights
{
    /// <summary>The norm before attention.</summary>
    public required VisionNormWeights Norm1 { get; init; }

    /// <summary>Query, key and value <c>[3 C, C]</c> in this order; null where they are three matrices.</summary>
    public Matrix? Fused { get; init; }

    /// <summary>The queries' matrix <c>[C, C]</c>; null where they are fused.</summary>
    public Matrix? Query { get; init; }

    /// <summary>The keys' matrix <c>[C, C]</c>; null where they are fused.</summary>
    public Matrix? Key { get; init; }

    /// <summary>The values' matrix <c>[C, C]</c>; null where they are fused.</summary>
    public Matrix? Value { get; init; }

    /// <summary>The norm of the queries over all heads; null for none.</summary>
    public VisionNormWeights? QueryNorm { get; init; }

    /// <summary>The norm of the keys over all heads; null for none.</summary>
    public VisionNormWeights? KeyNorm { get; init; }

    /// <summary>Attention's output matrix <c>[C, C]</c>.</summary>
    public required Matrix Output { get; init; }

    /// <summary>Relative positions of rows <c>[2 side - 1, head]</c>; null for none.</summary>
    public Tensor? RelativeRows { get; init; }

    /// <summary>Relative positions of columns <c>[2 side - 1, head]</c>; null for none.</summary>
    public Tensor? RelativeColumns { get; init; }

    /// <summary>The scale <c>[C]</c> of what attention adds; null for none.</summary>
    public Tensor? Scale1 { get; init; }

    /// <summary>The norm before the feed-forward network.</summary>
    public required VisionNormWeights Norm2 { get; init; }

    /// <summary>The gate <c>[M, C]</c>; null for a network without one.</summary>
    public Matrix? Gate { get; init; }

    /// <summary>The feed-forward network's first matrix <c>[M, C]</c>.</summary>
    public required Matrix Up { get; init; }

    /// <summary>The norm before the feed-forward network's last matrix; null for none.</summary>
    public VisionNormWeights? FeedForwardNorm { get; init; }

    /// <summary>The feed-forward network's last matrix <c>[C, M]</c>.</summary>
    public required Matrix Down { get; init; }

    /// <summary>The scale <c>[C]</c> of what the feed-forward network adds; null for none.</summary>
    public Tensor? Scale2 { get; init; }
}
