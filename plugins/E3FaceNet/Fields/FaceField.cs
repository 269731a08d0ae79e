using Aperture.Decoding;
using Aperture.Plugins.E3FaceNet.Layers;
using Aperture.Plugins.E3FaceNet.Model;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.E3FaceNet.Fields;

/// <summary>The field of the face: a network of points whose layers a style modulates. Borrows its tensors.</summary>
internal sealed class FaceField
{
    private const string Name = "synthesis.fg_nerf.";

    private readonly FaceConfig _config;
    private readonly List<(EqualLinear Affine, Tensor Weight, Tensor Bias)> _layers = [];
    private readonly (EqualLinear Affine, Tensor Weight, Tensor Bias) _density, _features;
    private readonly Tensor _colourWeight, _colourBias;

    public FaceField(WeightLoader loader, FaceConfig config)
    {
        _config = config;
        int width = config.FaceWidth;
        _layers.Add(Modulated(loader, "fc_in", width, 6 * config.Octaves));
        _layers.AddRange(Enumerable.Range(0, config.FaceLayers - 1).Select(layer => Modulated(loader, $"blocks.{layer}", width, width)));
        _density = Modulated(loader, "sigma_out", 1, width);
        _features = Modulated(loader, "feat_out", config.Features, width);
        _colourWeight = loader.Tensor(Name + "to_rgb.weight", 3, config.Features, 1, 1);
        _colourBias = loader.Tensor(Name + "to_rgb.bias", 3);
    }

    /// <summary>What the styles make of the layers: the same for every ray and view of a face.</summary>
    /// <param name="styles">The field's styles, <c>[B, layers + 2, D]</c>; borrowed.</param>
    /// <returns>The kernels; the caller disposes them.</returns>
    public FieldKernels Modulate(Tensor styles)
    {
        using DisposeScope scope = NewDisposeScope();
        List<(Tensor, Tensor)> layers = [];
        for (int layer = 0; layer < _layers.Count; layer++)
        {
            (EqualLinear affine, Tensor weight, Tensor bias) = _layers[layer];
            Tensor kernel = Modulation.Kernels(weight, affine.Run(styles.select(1, layer)), demodulate: true).flatten(2); // -> [B, O, I]
            layers.Add((kernel, bias.alias()));
        }

        Tensor density = Plain(_density, styles.select(1, _layers.Count)), features = Plain(_features, styles.select(1, _layers.Count + 1));

        // Colours are a product of the features before these are normalised, so that one product of the last layer gives all.
        Tensor colour = _colourWeight.flatten(1).mul(1 / Math.Sqrt(_config.Features)); // [3, C]
        Tensor last = cat([density, colour.matmul(features), features], 1); // [B, 1 + 3 + C, I]
        Tensor offset = cat([_density.Bias, colour.mv(_features.Bias).add(_colourBias), _features.Bias]); // [1 + 3 + C]
        layers.Add((last, offset));
        return new FieldKernels([.. layers.Select(layer => (layer.Item1.MoveToOuterDisposeScope(), layer.Item2.MoveToOuterDisposeScope()))]);
    }

    /// <summary>Evaluates points.</summary>
    /// <param name="points"><c>[B, N, S, 3]</c>; borrowed.</param>
    /// <param name="rows">Rows of rays.</param>
    /// <param name="kernels">What <see cref="Modulate"/> gave, of one face or of each of the batch; borrowed.</param>
    /// <returns>The values; the caller disposes them.</returns>
    public FieldValues Run(Tensor points, int rows, FieldKernels kernels)
    {
        using DisposeScope scope = NewDisposeScope();
        return FieldValues.Of(Values(points, kernels), rows, (int)points.size(2)).Outwards();
    }

    /// <summary>Raw density alone.</summary>
    /// <param name="points"><c>[B, N, S, 3]</c>; borrowed.</param>
    /// <param name="kernels">As for <see cref="Run"/>.</param>
    /// <returns><c>[B, N, S]</c>; the caller disposes it.</returns>
    public Tensor Density(Tensor points, FieldKernels kernels)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = Hidden(points, kernels);
        (Tensor kernel, Tensor bias) = kernels.Layers[^1];
        return FieldKernels.Multiply(x, kernel.narrow(1, 0, 1), bias.narrow(0, 0, 1)).view(points.size(0), points.size(1), points.size(2))
            .MoveToOuterDisposeScope(); // [B, N S, 1] -> [B, N, S]
    }

    private Tensor Values(Tensor points, FieldKernels kernels)
    {
        (Tensor kernel, Tensor bias) = kernels.Layers[^1];
        return FieldKernels.Multiply(Hidden(points, kernels), kernel, bias); // [B, N S, I] -> [B, N S, 1 + 3 + C]
    }

    private Tensor Hidden(Tensor points, FieldKernels kernels)
    {
        Tensor x = PositionEncoding.Run(points.flatten(1, 2), _config.Octaves); // [B, N, S, 3] -> [B, N S, 6 octaves]
        foreach ((Tensor kernel, Tensor bias) in kernels.Layers.SkipLast(1))
        {
            using Tensor previous = x;
            x = Activation.Leaky(FieldKernels.Multiply(previous, kernel, bias));
        }

        return x;
    }

    private (EqualLinear Affine, Tensor Weight, Tensor Bias) Modulated(WeightLoader loader, string layer, int outputs, int inputs) =>
    (
        new EqualLinear(loader.Tensor($"{Name}{layer}.affine.weight", inputs, _config.Style), loader.Tensor($"{Name}{layer}.affine.bias", inputs)),
        loader.Tensor($"{Name}{layer}.weight", outputs, inputs, 1, 1),
        loader.Tensor($"{Name}{layer}.bias", outputs));

    // An output without demodulation and activation, [B, O, I].
    private static Tensor Plain((EqualLinear Affine, Tensor Weight, Tensor Bias) layer, Tensor style)
        => Modulation.Kernels(layer.Weight, layer.Affine.Run(style).mul(1 / Math.Sqrt(layer.Weight.size(1))), demodulate: false).flatten(2);
}
