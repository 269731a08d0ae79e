using Aperture.Decoding;
using Aperture.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.E3FaceNet.Layers;

/// <summary>A convolution with an equalised learning rate and the leaky activation, which may halve the side of its map. Borrows its tensors.</summary>
/// <param name="loader">Loads its tensors.</param>
/// <param name="name">Its name in the checkpoint.</param>
/// <param name="outputs">Channels out.</param>
/// <param name="inputs">Channels in.</param>
/// <param name="side">Side of its kernel.</param>
/// <param name="clamp">Largest absolute value; null for no limit.</param>
/// <param name="halves">Whether the side is halved.</param>
internal sealed class EqualConvolution(WeightLoader loader, string name, int outputs, int inputs, int side, double? clamp, bool halves = false)
{
    private readonly Tensor _weight = loader.Tensor(name + ".weight", outputs, inputs, side, side), _bias = loader.Tensor(name + ".bias", outputs);
    private readonly double _gain = 1 / Math.Sqrt((double)inputs * side * side);

    /// <summary>Applies it.</summary>
    /// <param name="x"><c>[B, I, H, W]</c>; borrowed.</param>
    /// <returns><c>[B, O, H, W]</c>, or half the sides; the caller disposes it.</returns>
    public Tensor Run(Tensor x)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor weight = _weight.mul(_gain);
        Tensor y = halves
            ? Fir.ConvolveDown(x, weight, Fir.Square(1, 3, 3, 1).to(x.device)).add(_bias.view(1, -1, 1, 1))
            : Convolutions.Run(x, weight, _bias, padding: side / 2);
        return Activation.Leaky(y.alias(), clamp).MoveToOuterDisposeScope();
    }
}
