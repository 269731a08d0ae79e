using Aperture.Decoding;
using Aperture.Plugins.E3FaceNet.Model;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Plugins.E3FaceNet.Fields;

/// <summary>The field behind the face: a plain network of points on the inverted sphere and a noise. Borrows its tensors.</summary>
internal sealed class BackgroundField
{
    private const string Name = "synthesis.bg_nerf.";
    private const int PointSize = 4;

    private readonly FaceConfig _config;
    private readonly List<(Tensor Weight, Tensor Bias)> _layers = [];
    private readonly (Tensor Weight, Tensor Bias) _density, _features, _colour;

    public BackgroundField(WeightLoader loader, FaceConfig config)
    {
        _config = config;
        int width = config.BackgroundWidth;
        (Tensor, Tensor) Layer(string layer, int outputs, int inputs)
            => (loader.Tensor($"{Name}{layer}.weight", outputs, inputs), loader.Tensor($"{Name}{layer}.bias", outputs));
        _layers.Add(Layer("fc_in", width, Encoded + config.BackgroundNoise));
        _layers.AddRange(Enumerable.Range(0, config.BackgroundLayers - 1).Select(layer => Layer($"blocks.{layer}", width, width)));
        _density = Layer("sigma_out", 1, width);
        _features = Layer("feat_out", config.Features, width);
        _colour = (loader.Tensor(Name + "to_rgb.weight", 3, config.Features, 1, 1), loader.Tensor(Name + "to_rgb.bias", 3));
    }

    private int Encoded => 2 * PointSize * _config.Octaves;

    /// <summary>Evaluates points.</summary>
    /// <param name="points"><c>[B, N, S, 4]</c>; borrowed.</param>
    /// <param name="rows">Rows of rays.</param>
    /// <param name="noise"><c>[1 or B, noise]</c>; borrowed.</param>
    /// <returns>The values; the caller disposes them.</returns>
    public FieldValues Run(Tensor points, int rows, Tensor noise)
    {
        using DisposeScope scope = NewDisposeScope();
        (Tensor first, Tensor firstBias) = _layers[0];
        Tensor x = PositionEncoding.Run(points.flatten(1, 2), _config.Octaves); // [B, N, S, 4] -> [B, N S, 8 octaves]
        Tensor own = F.linear(noise, first.narrow(1, Encoded, _config.BackgroundNoise), firstBias).unsqueeze(1); // [1 or B, noise] -> [1 or B, 1, D]
        x = F.linear(x, first.narrow(1, 0, Encoded)).add(own).relu(); // -> [B, N S, D]
        foreach ((Tensor weight, Tensor bias) in _layers.Skip(1))
        {
            x = F.linear(x, weight, bias).relu();
        }

        Tensor colour = _colour.Weight.flatten(1).mul(1 / Math.Sqrt(_config.Features)); // [3, C]
        Tensor last = cat([_density.Weight, colour.matmul(_features.Weight), _features.Weight], 0); // [1 + 3 + C, D]
        Tensor offset = cat([_density.Bias, colour.mv(_features.Bias).add(_colour.Bias), _features.Bias]);
        return FieldValues.Of(F.linear(x, last, offset), rows, (int)points.size(2)).Outwards(); // -> [B, N S, 1 + 3 + C]
    }
}
