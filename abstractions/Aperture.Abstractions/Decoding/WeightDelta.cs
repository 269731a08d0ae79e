using static TorchSharp.torch;

namespace Aperture.Decoding;

/// <summary>
/// A low-rank change of a linear layer for one sequence: <c>y = W(s·x) + U(Vx) + b</c>. Tensors are borrowed from the sequence's state.
/// </summary>
public sealed record WeightDelta
{
    /// <summary>Factor on the input of the original weight, a scalar or <c>[in]</c>; null means 1.</summary>
    public Tensor? InputScale { get; init; }

    /// <summary>V, <c>[rank, in]</c>; null without a low-rank part.</summary>
    public Tensor? Down { get; init; }

    /// <summary>U, <c>[out, rank]</c>.</summary>
    public Tensor? Up { get; init; }

    /// <summary>b, <c>[out]</c>; null means none.</summary>
    public Tensor? Bias { get; init; }

    /// <summary>A whole matrix <c>[out, in]</c> in place of the original weight; the other parts but the bias are then ignored.</summary>
    public Tensor? Full { get; init; }
}

/// <summary>Changes of a layer's three attention inputs.</summary>
/// <param name="Query">Change of q_proj.</param>
/// <param name="Key">Change of k_proj.</param>
/// <param name="Value">Change of v_proj.</param>
public sealed record AttentionDeltas(WeightDelta? Query, WeightDelta? Key, WeightDelta? Value);

/// <summary>Changes of the input matrices of a feed-forward network.</summary>
/// <param name="Gate">Change of gate_proj; null where there is none.</param>
/// <param name="Up">Change of up_proj, or of the first matrix of a network of two.</param>
public sealed record FeedForwardDeltas(WeightDelta? Gate, WeightDelta? Up);
