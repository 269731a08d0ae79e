using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Decoding;

/// <summary>Gain and bias <c>[d]</c> of a layer norm. Owns its tensors.</summary>
/// <param name="Weight">The gain.</param>
/// <param name="Bias">The bias.</param>
public sealed record LayerNormWeights(Tensor Weight, Tensor Bias) : IDisposable
{
    /// <summary>Normalises the last dimension.</summary>
    /// <param name="x">Rows <c>[…, d]</c>; borrowed.</param>
    /// <param name="eps">Added to the variance.</param>
    /// <returns>Rows; the caller disposes them.</returns>
    public Tensor Run(Tensor x, double eps) => F.layer_norm(x, [Weight.size(0)], Weight, Bias, eps);

    /// <summary>Disposes the tensors.</summary>
    public void Dispose()
    {
        Weight.Dispose();
        Bias.Dispose();
    }
}
