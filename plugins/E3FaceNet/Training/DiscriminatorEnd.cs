using Aperture.Decoding;
using Aperture.Plugins.E3FaceNet.Layers;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.E3FaceNet.Training;

/// <summary>The end of a discriminator at four by four pixels: one number a picture, or how well it matches a text. Borrows its tensors.</summary>
internal sealed class DiscriminatorEnd
{
    private const int Side = 4, LargestGroup = 4;
    private const double Epsilon = 1e-8;

    private readonly EqualConvolution _colours, _convolution;
    private readonly EqualLinear _inner, _out;

    /// <summary>Loads an end.</summary>
    /// <param name="loader">Loads its tensors.</param>
    /// <param name="name">Its name in the checkpoint.</param>
    /// <param name="channels">Channels.</param>
    /// <param name="outputs">Numbers out: 1, or as many as a text's row has.</param>
    /// <param name="clamp">Largest absolute value behind the convolution.</param>
    public DiscriminatorEnd(WeightLoader loader, string name, int channels, int outputs, double clamp)
    {
        _colours = new EqualConvolution(loader, name + ".fromrgb", channels, 3, 1, clamp: null);
        _convolution = new EqualConvolution(loader, name + ".conv", channels, channels + 1, 3, clamp);
        _inner = new EqualLinear(
            loader.Tensor(name + ".fc.weight", channels, channels * Side * Side), loader.Tensor(name + ".fc.bias", channels), activated: true);
        _out = new EqualLinear(loader.Tensor(name + ".out.weight", outputs, channels), loader.Tensor(name + ".out.bias", outputs));
    }

    /// <summary>Judges pictures.</summary>
    /// <param name="x">Features, <c>[B, C, 4, 4]</c>; borrowed.</param>
    /// <param name="picture"><c>[B, 3, 4, 4]</c>; borrowed.</param>
    /// <param name="text">The texts' rows, <c>[B, outputs]</c>; null for the end without. Borrowed.</param>
    /// <returns><c>[B, 1]</c>; the caller disposes it.</returns>
    public Tensor Run(Tensor x, Tensor picture, Tensor? text)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor y = _out.Run(_inner.Run(_convolution.Run(WithDeviation(x.add(_colours.Run(picture)))).flatten(1))); // -> [B, outputs]
        return (text is null ? y : y.mul(text).sum(1, keepdim: true).mul(1 / Math.Sqrt(text.size(1)))).MoveToOuterDisposeScope();
    }

    // One more channel: how much the pictures of a group differ on average, [B, C, 4, 4] -> [B, C + 1, 4, 4].
    private static Tensor WithDeviation(Tensor x)
    {
        long batch = x.size(0), group = Math.Min(LargestGroup, batch);
        Tensor grouped = x.reshape(group, -1, x.size(1), x.size(2), x.size(3)); // [G, n, C, H, W]
        Tensor variance = grouped.sub(grouped.mean([0], keepdim: true)).square().mean([0]); // [n, C, H, W]
        Tensor deviation = variance.add(Epsilon).sqrt().mean([1, 2, 3]); // [n]
        return cat([x, deviation.view(-1, 1, 1, 1).repeat(group, 1, x.size(2), x.size(3))], 1);
    }
}
