using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Models;

/// <summary>Weight <c>[out, in]</c> and optional bias <c>[out]</c> of a linear layer. Owns its tensors.</summary>
/// <param name="Weight">The matrix, row-major as in the checkpoint.</param>
/// <param name="Bias">The bias, or null.</param>
public sealed record LinearWeights(Tensor Weight, Tensor? Bias = null) : IDisposable
{
    /// <summary>Output width.</summary>
    public int Outputs { get; } = (int)Weight.shape[0];

    /// <summary>Input width.</summary>
    public int Inputs { get; } = (int)Weight.shape[1];

    /// <summary>Element type of the stored matrix; may be narrower than the one computed in.</summary>
    public ScalarType StoredType { get; } = Weight.dtype;

    /// <summary><c>x Wᵀ + b</c>.</summary>
    /// <param name="x">Rows <c>[…, in]</c> in the stored element type; borrowed.</param>
    /// <returns>Rows <c>[…, out]</c>; the caller disposes them.</returns>
    public Tensor Apply(Tensor x) => F.linear(x, Weight, Bias);

    /// <summary>Disposes the tensors.</summary>
    public void Dispose()
    {
        Weight.Dispose();
        Bias?.Dispose();
    }
}
