using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.FlashSloth;

/// <summary>Dropout whose masks come from a generator of the caller's, so that training can be repeated and resumed.</summary>
/// <param name="rate">Fraction that is set to zero.</param>
/// <param name="generator">Draws the masks; borrowed.</param>
internal sealed class SeededDropout(double rate, Generator generator)
{
    /// <summary>Sets some values to zero and scales the others by <c>1 / (1 - rate)</c>.</summary>
    /// <param name="x">Borrowed.</param>
    /// <returns>The caller disposes it.</returns>
    public Tensor Run(Tensor x)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor kept = rand(x.shape, generator: generator).ge(rate).to(x.dtype, x.device).div(1 - rate);
        return x.mul(kept).MoveToOuterDisposeScope();
    }
}
