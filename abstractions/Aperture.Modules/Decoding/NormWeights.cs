using static TorchSharp.torch;

namespace Aperture.Decoding;

/// <summary>The norms of decoders.</summary>
public enum NormKind
{
    /// <summary>Root-mean-square norm with a gain.</summary>
    Rms,

    /// <summary>Layer norm with gain and bias.</summary>
    Layer,
}

/// <summary>A norm of a decoder: gain <c>[d]</c> and, for a layer norm, bias <c>[d]</c>. Owns its tensors.</summary>
/// <param name="Weight">The gain.</param>
/// <param name="Bias">The bias; null for a root-mean-square norm.</param>
public sealed record NormWeights(Tensor Weight, Tensor? Bias = null) : IDisposable
{
    /// <summary>The tensors by published name.</summary>
    /// <param name="name">Name without <c>.weight</c>.</param>
    public IEnumerable<(string Name, Tensor Tensor)> Named(string name)
        => Bias is { } bias ? [(name + ".weight", Weight), (name + ".bias", bias)] : [(name + ".weight", Weight)];

    /// <summary>Disposes the tensors.</summary>
    public void Dispose()
    {
        Weight.Dispose();
        Bias?.Dispose();
    }
}
