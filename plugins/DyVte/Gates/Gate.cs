using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Plugins.DyVte.Gates;

/// <summary>One gate (spec section 3.1): <c>W2 GELU(W1 f)</c> with the exact GELU and without biases.</summary>
internal static class Gate
{
    /// <summary>The hidden layer.</summary>
    /// <param name="features">Gate inputs <c>[samples, inputs]</c>; borrowed.</param>
    /// <param name="w1"><c>[hidden, inputs]</c>; borrowed.</param>
    /// <returns><c>[samples, hidden]</c> in the weights' type; the caller disposes it.</returns>
    public static Tensor Hidden(Tensor features, Tensor w1)
    {
        using DisposeScope scope = NewDisposeScope();
        return F.gelu(F.linear(features.to_type(w1.dtype), w1)).MoveToOuterDisposeScope();
    }

    /// <summary>The two logits, keep and exit.</summary>
    /// <param name="features">Gate inputs <c>[samples, inputs]</c>; borrowed.</param>
    /// <param name="w1"><c>[hidden, inputs]</c>; borrowed.</param>
    /// <param name="w2"><c>[2, hidden]</c>; borrowed.</param>
    /// <returns><c>[samples, 2]</c> in the weights' type; the caller disposes it.</returns>
    public static Tensor Run(Tensor features, Tensor w1, Tensor w2)
    {
        using DisposeScope scope = NewDisposeScope();
        return F.linear(Hidden(features, w1), w2).MoveToOuterDisposeScope();
    }
}
