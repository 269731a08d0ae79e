using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.FlashSloth.Training;

/// <summary>Weights as parameters of a training: float32 leaves by published name. Owns them.</summary>
internal sealed class TrainedWeights : IDisposable
{
    private const double LinearSpread = 0.02;

    private readonly Dictionary<string, Tensor> _leaves = new(StringComparer.Ordinal);

    /// <summary>The parameters.</summary>
    public IReadOnlyDictionary<string, Tensor> Leaves => _leaves;

    /// <summary>The parameters as a source that modules are made from; not to be disposed.</summary>
    public IWeightSource Source => new TensorWeights(_leaves);

    /// <summary>Goes on with stored values.</summary>
    /// <param name="stored">float32 on the CPU; borrowed.</param>
    public void Continue(TensorWeights stored)
    {
        foreach (string name in stored.Names)
        {
            using Tensor value = stored.Load(name);
            Add(name, value.clone());
        }
    }

    /// <summary>
    /// Draws values as the official code begins with them. Pooling: PyTorch's own for linear layers, uniform within <c>1/√inputs</c>. The queries' block:
    /// normal, 0.02 wide, without biases, norms 1 and 0. Queries: uniform within <c>1/√H</c>.
    /// </summary>
    /// <param name="shapes">Names and shapes.</param>
    /// <param name="generator">Draws; borrowed.</param>
    /// <param name="isPooling">Whether they are the pooling's.</param>
    public void Draw(IReadOnlyList<(string Name, long[] Shape)> shapes, Generator generator, bool isPooling)
    {
        long inputs = 1;
        foreach ((string name, long[] shape) in shapes)
        {
            using DisposeScope scope = NewDisposeScope();
            inputs = shape.Length == 2 ? shape[1] : inputs; // a bias follows its matrix
            bool uniform = isPooling || name == Embq.LearnedQueries.Published;
            Tensor value = uniform ? rand(shape, generator: generator).mul(2).sub(1).div(Math.Sqrt(inputs))
                : shape.Length == 2 ? randn(shape, generator: generator).mul(LinearSpread)
                : name.Contains(".ln_", StringComparison.Ordinal) && name.EndsWith(".weight", StringComparison.Ordinal) ? ones(shape)
                : zeros(shape);
            Add(name, value);
        }
    }

    /// <summary>Copies without gradients, for saving; the caller disposes them.</summary>
    public Dictionary<string, Tensor> Detached()
        => _leaves.ToDictionary(leaf => leaf.Key, leaf => leaf.Value.detach().DetachFromDisposeScope(), StringComparer.Ordinal);

    public void Dispose()
    {
        foreach (Tensor leaf in _leaves.Values)
        {
            leaf.Dispose();
        }

        _leaves.Clear();
    }

    private void Add(string name, Tensor value)
    {
        value.requires_grad = true;
        _leaves[name] = value.DetachFromDisposeScope();
    }
}
