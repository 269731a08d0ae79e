using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Decoding;

/// <summary>Activations by the names that configurations use.</summary>
public static class Activations
{
    /// <summary>Applies an activation.</summary>
    /// <param name="name"><c>quick_gelu</c>, <c>gelu</c>, <c>gelu_pytorch_tanh</c>, <c>gelu_new</c>, <c>relu</c> or <c>silu</c>.</param>
    /// <param name="x">The input; borrowed unless worked on in place.</param>
    /// <param name="inPlace">Whether the input may be overwritten and returned.</param>
    /// <returns>The result, possibly <paramref name="x"/> itself; the caller disposes it.</returns>
    /// <exception cref="ApertureException">The name is unknown.</exception>
    public static Tensor Run(string name, Tensor x, bool inPlace = false)
    {
        switch (name)
        {
            case "quick_gelu":
                using (Tensor scaled = x.mul(1.702))
                {
                    using Tensor gate = inPlace ? scaled.sigmoid_().alias() : scaled.sigmoid();
                    return inPlace ? x.mul_(gate) : x.mul(gate);
                }

            case "gelu":
                return F.gelu(x);
            case "gelu_pytorch_tanh" or "gelu_new":
                return F.gelu(x, TorchSharp.Modules.GELU.Approximate.tanh);
            case "relu":
                return F.relu(x);
            case "silu" or "swish":
                return F.silu(x);
            default:
                throw new ApertureException($"Activation '{name}' is not supported; use quick_gelu, gelu, gelu_pytorch_tanh, gelu_new, relu or silu.");
        }
    }
}
