using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Plugins.E3FaceNet.Layers;

/// <summary>A linear layer with an equalised learning rate: weights are stored as normal numbers and scaled where they are used. Borrows its tensors.</summary>
/// <param name="weight"><c>[out, in]</c>.</param>
/// <param name="bias"><c>[out]</c>.</param>
/// <param name="rate">The layer's factor on the learning rate.</param>
/// <param name="activated">Whether the leaky activation follows.</param>
internal sealed class EqualLinear(Tensor weight, Tensor bias, double rate = 1, bool activated = false)
{
    private const long LargestScaled = 1L << 19;

    private readonly double _gain = rate / Math.Sqrt(weight.size(1));

    /// <summary>Width of a row in.</summary>
    public long Inputs { get; } = weight.size(1);

    /// <summary>Width of a row out.</summary>
    public long Outputs { get; } = weight.size(0);

    /// <summary>Applies it.</summary>
    /// <param name="x"><c>[…, in]</c>; borrowed.</param>
    /// <returns><c>[…, out]</c>; the caller disposes it.</returns>
    public Tensor Run(Tensor x)
    {
        // Weights are scaled as published, so that styles are rounded alike: what is placed along rays depends on their last bits. Only a matrix so large that
        // scaling it would cost more than multiplying by it has its rows scaled instead.
        bool large = weight.numel() > LargestScaled;
        using Tensor scaled = large ? x.mul(_gain) : weight.mul(_gain);
        using Tensor offset = bias.mul(rate);
        Tensor y = large ? F.linear(scaled, weight, offset) : F.linear(x, scaled, offset);
        return activated ? Activation.Leaky(y) : y;
    }
}
