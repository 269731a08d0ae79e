using Aperture.Decoding;
using Aperture.Plugins.E3FaceNet.Layers;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.E3FaceNet.Training;

/// <summary>Halves a map's side and takes in the picture at this side. Borrows its tensors.</summary>
internal sealed class DiscriminatorBlock(WeightLoader loader, int side, int inputs, int outputs, double clamp)
{
    private readonly EqualConvolution _colours = new(loader, $"b{side}.fromrgb", inputs, 3, 1, clamp);
    private readonly EqualConvolution _first = new(loader, $"b{side}.conv0", inputs, inputs, 3, clamp);
    private readonly EqualConvolution _second = new(loader, $"b{side}.conv1", outputs, inputs, 3, clamp, halves: true);

    /// <summary>Side of the picture that it takes.</summary>
    public int Side => side;

    /// <summary>A picture as features, <c>[B, 3, H, W] -> [B, C, H, W]</c>; the caller disposes it.</summary>
    public Tensor Colours(Tensor picture) => _colours.Run(picture);

    /// <summary>Applies it.</summary>
    /// <param name="x">Features, <c>[B, I, H, W]</c>; null before the first block. Borrowed.</param>
    /// <param name="picture"><c>[B, 3, H, W]</c>; borrowed.</param>
    /// <returns><c>[B, O, H / 2, W / 2]</c> and the picture of half the sides; the caller disposes them.</returns>
    public (Tensor X, Tensor Picture) Run(Tensor? x, Tensor picture)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor colours = _colours.Run(picture);
        Tensor y = _second.Run(_first.Run(x is null ? colours : x.add(colours)));
        return (y.MoveToOuterDisposeScope(), Fir.Reduce(picture, Fir.Square(1, 3, 3, 1).to(picture.device)).MoveToOuterDisposeScope());
    }
}
