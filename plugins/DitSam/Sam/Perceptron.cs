using Aperture.Decoding;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Plugins.DitSam.Sam;

/// <summary>A stack of linear layers with ReLU between them. Borrows its matrices.</summary>
internal sealed class Perceptron
{
    private readonly Matrix[] _layers;

    /// <summary>Loads all layers that are stored under a name; their sizes are the stored ones, and must follow from each other.</summary>
    /// <param name="loader">Loads and owns.</param>
    /// <param name="source">The checkpoint, for sizes.</param>
    /// <param name="name">Name with the last dot, before <c>layers.</c>.</param>
    /// <param name="width">Width of what comes in.</param>
    /// <param name="outputs">Width of what comes out; null for any.</param>
    public Perceptron(WeightLoader loader, IWeightSource source, string name, int width, int? outputs)
    {
        int count = SamConfig.Count(source, name + "layers.", ".weight");
        if (count == 0)
        {
            throw new ApertureException($"SAM: the checkpoint has no {name}layers.0.weight; it is no mask decoder of SAM.");
        }

        _layers = new Matrix[count];
        for (int layer = 0; layer < count; layer++)
        {
            string linear = $"{name}layers.{layer}";
            int wide = layer == count - 1 && outputs is { } asked ? asked : (int)source.Describe(linear + ".weight").Shape[0];
            _layers[layer] = loader.Linear(linear, wide, width);
            width = wide;
        }
    }

    /// <summary>Runs rows.</summary>
    /// <param name="x"><c>[…, width]</c>; borrowed.</param>
    /// <returns><c>[…, outputs]</c>; the caller disposes it.</returns>
    public Tensor Run(Tensor x)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor hidden = x;
        for (int layer = 0; layer < _layers.Length; layer++)
        {
            hidden = _layers[layer].Apply(layer == 0 ? hidden : F.relu(hidden));
        }

        return hidden.MoveToOuterDisposeScope();
    }
}
