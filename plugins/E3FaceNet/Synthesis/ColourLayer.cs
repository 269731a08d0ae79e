using Aperture.Decoding;
using Aperture.Plugins.E3FaceNet.Layers;
using Aperture.Plugins.E3FaceNet.Model;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.E3FaceNet.Synthesis;

/// <summary>Makes colours of a map: a modulated convolution of one pixel without demodulation and activation. Borrows its tensors.</summary>
internal sealed class ColourLayer(WeightLoader loader, string name, int inputs, int style, FaceSettings settings)
{
    private const int Colours = 3;

    private readonly EqualLinear _affine = new(loader.Tensor(name + ".affine.weight", inputs, style), loader.Tensor(name + ".affine.bias", inputs));
    private readonly Tensor _weight = loader.Tensor(name + ".weight", Colours, inputs, 1, 1), _bias = loader.Tensor(name + ".bias", Colours);

    /// <summary>Applies it.</summary>
    /// <param name="x"><c>[B, I, H, W]</c>; borrowed.</param>
    /// <param name="style"><c>[B, D]</c>; borrowed.</param>
    /// <returns>float32 <c>[B, 3, H, W]</c>; the caller disposes it.</returns>
    public Tensor Run(Tensor x, Tensor style)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor styles = _affine.Run(style).mul(1 / Math.Sqrt(_weight.size(1)));
        Tensor kernels = Modulation.Kernels(_weight, styles, demodulate: false).flatten(2).to(x.dtype); // [B, 3, I]
        Tensor y = Pixelwise.Run(x, kernels, _bias.to(x.dtype)).to(ScalarType.Float32);
        return y.clamp(-settings.Clamp, settings.Clamp).MoveToOuterDisposeScope();
    }
}
