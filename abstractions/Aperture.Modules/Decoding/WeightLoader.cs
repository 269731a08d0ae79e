using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Decoding;

/// <summary>Loads the tensors of a model by published name, checks their shapes, and owns them.</summary>
/// <param name="source">The checkpoint; borrowed.</param>
/// <param name="policy">Where and in which type; matrices are kept in the type computed in.</param>
/// <param name="own">Names whose tensors get memory of their own, so that they can be trained; null for none.</param>
/// <param name="fresh">Makes tensors by name and shape instead of loading them, for a model that begins; null to load. What it gives is the loader's.</param>
public sealed class WeightLoader(
    IWeightSource source, WeightPolicy policy, Func<string, bool>? own = null, Func<string, long[], Tensor>? fresh = null) : IDisposable
{
    private readonly Dictionary<string, Tensor> _tensors = new(StringComparer.Ordinal);

    /// <summary>What was loaded, by published name.</summary>
    public IReadOnlyDictionary<string, Tensor> Tensors => _tensors;

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

    /// <summary>Loads <c>name.weight</c> <c>[outputs, inputs]</c> and <c>name.bias</c>.</summary>
    /// <param name="name">Name without <c>.weight</c>.</param>
    /// <param name="outputs">Output width.</param>
    /// <param name="inputs">Input width.</param>
    /// <param name="bias">The bias's whole name; null for <c>name.bias</c>.</param>
    /// <returns>The matrix; its tensors are the loader's.</returns>
    public Matrix Linear(string name, int outputs, int inputs, string? bias = null)
        => new DenseMatrix(Tensor(name + ".weight", outputs, inputs), Tensor(bias ?? name + ".bias", outputs));

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
    }
}
