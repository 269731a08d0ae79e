using static TorchSharp.torch;

namespace Aperture.Decoding;

/// <summary>A layer's output as a plugin computes it in place of the layer.</summary>
/// <param name="input">What the host offers for it.</param>
/// <returns>The layer's output rows <c>[rows, d]</c>, residual included; the host disposes it.</returns>
public delegate Tensor CompositeLayer(CompositeInput input);

/// <summary>What a composite layer is computed from. All tensors are borrowed.</summary>
/// <param name="Rows">The sample's layer input x, <c>[rows, d]</c>.</param>
/// <param name="Normed">The first norm of it, <c>[rows, d]</c>.</param>
/// <param name="SecondNormWeight">
/// The gain of the norm that the feed-forward network reads, <c>[d]</c>: the second norm, or, in a parallel block, which has no second, the first. A layer
/// norm's bias is not in it.
/// </param>
/// <param name="FeedForward">
/// The layer's feed-forward network on any rows, times the factors that the model and routers put on this branch, with optional deltas on gate and up; the
/// caller disposes the result. Where <see cref="DecoderInfo.GatedFeedForward"/> is false there is no gate, and a delta for it is refused.
/// </param>
public sealed record CompositeInput(Tensor Rows, Tensor Normed, Tensor SecondNormWeight, Func<Tensor, FeedForwardDeltas?, Tensor> FeedForward);
