using System.Globalization;
using System.Text.RegularExpressions;
using Aperture.Decoding;
using Aperture.Vision;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Models;

/// <summary>A LLaVA projector: linear layers with an activation between them. Owns its weights.</summary>
public sealed partial class Projector : IProjector
{
    private readonly Matrix[] _layers;
    private readonly string[] _names;
    private readonly string _activation;
    private readonly WeightPolicy _policy;

    private Projector(Matrix[] layers, string[] names, string activation, WeightPolicy policy)
        => (_layers, _names, _activation, _policy) = (layers, names, activation, policy);

    /// <summary>The linear layers, first to last; none for an identity.</summary>
    public IReadOnlyList<Matrix> Layers => _layers;

    /// <summary>The number of linear layers that a type names: <c>identity</c> 0, <c>linear</c> 1, <c>mlp2x_gelu</c> 2, ….</summary>
    /// <param name="type">The type as configurations write it.</param>
    /// <exception cref="ApertureException">The type is unknown.</exception>
    public static int LayersOf(string type)
    {
        if (type is "identity" or "linear")
        {
            return type == "linear" ? 1 : 0;
        }

        Match match = MlpPattern().Match(type);
        return match.Success && int.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture) is var depth and > 0 and < 10
            ? depth
            : throw new ApertureException($"Projector type '{type}' is not supported; use linear, mlp<N>x_gelu or identity.");
    }

    /// <summary>Loads a projector.</summary>
    /// <param name="source">The checkpoint; must outlive the weights.</param>
    /// <param name="names">Names of the layers without <c>.weight</c>, first to last.</param>
    /// <param name="inputs">Width of a feature row.</param>
    /// <param name="outputs">Hidden width of the decoder.</param>
    /// <param name="activation">Activation between layers.</param>
    /// <param name="bias">Whether layers carry a bias.</param>
    /// <param name="policy">Where and in which type.</param>
    public static Projector Load(IWeightSource source, IReadOnlyList<string> names, int inputs, int outputs, string activation, bool bias, WeightPolicy policy)
    {
        WeightPolicy own = policy with { Storage = policy.Compute };
        List<Matrix> layers = [];
        try
        {
            foreach (string name in names)
            {
                layers.Add(own.Linear(source, name, outputs, layers.Count == 0 ? inputs : outputs, bias));
            }
        }
        catch
        {
            layers.ForEach(layer => layer.Dispose());
            throw;
        }

        return new Projector([.. layers], [.. names], activation, own);
    }

    /// <inheritdoc/>
    public VisualTokens Project(VisionFeatures features) => new(Run(features.Tokens), features.Segments); // [tokens, inputs] -> [tokens, d]

    /// <inheritdoc/>
    public long Macs(int rows) => rows * _layers.Sum(layer => layer.RowMacs);

    /// <inheritdoc/>
    public IProjector Over(IWeightSource parameters)
    {
        (int inputs, int outputs) = _layers.Length == 0 ? (0, 0) : (_layers[0].Inputs, _layers[^1].Outputs);
        return Load(parameters, _names, inputs, outputs, _activation, _layers.Any(layer => layer.Bias is not null), _policy);
    }

    /// <summary>All tensors by the names they were loaded under.</summary>
    public IEnumerable<(string Name, Tensor Tensor)> Named() => _layers.SelectMany((layer, index) => layer.Named(_names[index]));

    /// <summary>Projects rows.</summary>
    /// <param name="features">Feature rows <c>[…, inputs]</c>; borrowed.</param>
    /// <returns>Rows <c>[…, outputs]</c>; the caller disposes them.</returns>
    public Tensor Run(Tensor features)
    {
        Tensor x = features.alias();
        for (int i = 0; i < _layers.Length; i++)
        {
            if (i > 0)
            {
                Tensor activated = Activations.Run(_activation, x);
                x.Dispose();
                x = activated;
            }

            Tensor next = _layers[i].Apply(x);
            x.Dispose();
            x = next;
        }

        return x;
    }

    /// <summary>Disposes the weights.</summary>
    public void Dispose()
    {
        foreach (Matrix layer in _layers)
        {
            layer.Dispose();
        }
    }

    [GeneratedRegex(@"^mlp(\d)x_gelu$")]
    private static partial Regex MlpPattern();
}
