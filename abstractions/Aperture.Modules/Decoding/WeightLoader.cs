using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Decoding;

/// <summary>Loads the tensors of a model by published name, checks their shapes, and owns them.</summary>
/// <param name="source">The checkpoint; borrowed.</param>
/// <param name="policy">Where, in which type, and in which format the matrices of linear layers; else they are kept in the type computed in.</param>
/// <param name="own">Names whose tensors get memory of their own, so that they can be trained; null for none.</param>
/// <param name="fresh">Makes tensors by name and shape instead of loading them, for a model that begins; null to load. What it gives is the loader's.</param>
public sealed class WeightLoader(
    IWeightSource source, WeightPolicy policy, Func<string, bool>? own = null, Func<string, long[], Tensor>? fresh = null) : IDisposable
{
    // Scores, gates and heads of so few outputs are what a model is sensitive in, and take no time.
    private const int FewestInFewBits = 16;

    private readonly Dictionary<string, Tensor> _tensors = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Matrix> _quantized = new(StringComparer.Ordinal);

    /// <summary>What was loaded, by published name; without the matrices that are kept in few bits, and their biases.</summary>
    public IReadOnlyDictionary<string, Tensor> Tensors => _tensors;

    /// <summary>How many weights were loaded, in whatever form.</summary>
    public long Count => _tensors.Values.Sum(tensor => tensor.numel()) + _quantized.Values.Sum(matrix => matrix.RowMacs + (matrix.Bias?.numel() ?? 0));

    /// <summary>Loads a tensor, or hands out the one that was loaded under this name.</summary>
    /// <param name="name">The checkpoint's name.</param>
    /// <param name="shape">The shape it must have.</param>
    /// <returns>The tensor; the loader disposes it.</returns>
    /// <exception cref="ApertureException">The tensor is missing or has another shape.</exception>
    public Tensor Tensor(string name, params long[] shape)
    {
        if (!_tensors.TryGetValue(name, out Tensor? tensor))
        {
            tensor = fresh is null ? policy.Vector(source, name, shape) : fresh(name, shape);
            if (own?.Invoke(name) == true)
            {
                using Tensor stored = tensor;
                tensor = stored.clone();
            }

            _tensors.Add(name, tensor.DetachFromDisposeScope());
        }

        return tensor;
    }

    /// <summary>
    /// Loads <c>name.weight</c> <c>[outputs, inputs]</c> and <c>name.bias</c> in the policy's format. As stored stay weights that can be trained, and those of
    /// fewer than 16 outputs or inputs.
    /// </summary>
    /// <param name="name">Name without <c>.weight</c>.</param>
    /// <param name="outputs">Output width.</param>
    /// <param name="inputs">Input width.</param>
    /// <param name="bias">The bias's whole name; null for <c>name.bias</c>.</param>
    /// <returns>The matrix; it is the loader's.</returns>
    /// <exception cref="ApertureException">A tensor is missing, has another shape or holds a number that the format cannot.</exception>
    public Matrix Linear(string name, int outputs, int inputs, string? bias = null)
        => Quantized(name, outputs, inputs, bias ?? name + ".bias")
            ?? new DenseMatrix(Tensor(name + ".weight", outputs, inputs), Tensor(bias ?? name + ".bias", outputs));

    /// <summary>
    /// Loads a layer norm: <c>name.weight</c> and <c>name.bias</c>, or <c>name.gamma</c> and <c>name.beta</c> as the oldest BERT checkpoints have it.
    /// </summary>
    /// <param name="name">Name without <c>.weight</c>.</param>
    /// <param name="width">Its width.</param>
    public LayerNormWeights Norm(string name, int width)
    {
        bool old = !source.Contains(name + ".weight") && source.Contains(name + ".gamma");
        return new(Tensor(name + (old ? ".gamma" : ".weight"), width), Tensor(name + (old ? ".beta" : ".bias"), width));
    }

    /// <summary>Disposes the tensors.</summary>
    public void Dispose()
    {
        foreach (Tensor tensor in _tensors.Values)
        {
            tensor.Dispose();
        }

        foreach (Matrix matrix in _quantized.Values)
        {
            matrix.Dispose();
        }
    }

    /// <summary>A linear layer in few bits, where the policy asks for it and the layer takes it; else null.</summary>
    /// <param name="name">Name without <c>.weight</c>.</param>
    /// <param name="outputs">Output width.</param>
    /// <param name="inputs">Input width.</param>
    /// <param name="bias">The bias's whole name; null for none.</param>
    /// <returns>The matrix; it is the loader's.</returns>
    internal Matrix? Quantized(string name, int outputs, int inputs, string? bias)
    {
        if (!policy.IsQuantized(outputs, inputs) || own is not null || Math.Min(outputs, inputs) < FewestInFewBits)
        {
            return null;
        }

        if (!_quantized.TryGetValue(name, out Matrix? matrix))
        {
            matrix = fresh is null ? policy.Quantized(source, name + ".weight", bias, outputs, inputs) : Made();
            _quantized.Add(name, matrix);
        }

        return matrix;

        Matrix Made()
        {
            policy.Ops!.FewBitMatrices++;
            using Tensor weight = fresh(name + ".weight", [outputs, inputs]);
            return policy.Quantize(weight, bias is null ? null : fresh(bias, [outputs]), name);
        }
    }
}
