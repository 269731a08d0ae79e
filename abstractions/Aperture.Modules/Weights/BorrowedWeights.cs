using static TorchSharp.torch;

namespace Aperture.Weights;

/// <summary>A model's open tensors as a checkpoint, so that a part of the model can be made anew over some of them. Borrows the tensors.</summary>
public sealed class BorrowedWeights : IWeightSource
{
    private readonly Dictionary<string, Tensor> _tensors;

    private BorrowedWeights(Dictionary<string, Tensor> tensors) => _tensors = tensors;

    /// <inheritdoc/>
    public IReadOnlyCollection<string> Names => _tensors.Keys;

    /// <summary>A view of tensors.</summary>
    /// <param name="tensors">The tensors by name; each name once. They must outlive the view, not what is loaded from it.</param>
    public static BorrowedWeights Of(IEnumerable<(string Name, Tensor Tensor)> tensors)
        => new(tensors.ToDictionary(entry => entry.Name, entry => entry.Tensor, StringComparer.Ordinal));

    /// <inheritdoc/>
    public bool Contains(string name) => _tensors.ContainsKey(name);

    /// <inheritdoc/>
    public WeightInfo Describe(string name)
    {
        Tensor tensor = Find(name);
        return new WeightInfo(tensor.dtype.ToString(), tensor.dtype, tensor.shape);
    }

    /// <summary>The tensor itself, on whatever device it is. The caller disposes it.</summary>
    /// <param name="name">Its name.</param>
    /// <exception cref="ApertureException">No tensor has this name.</exception>
    public Tensor Load(string name) => Find(name).alias();

    /// <summary>Nothing: the tensors are the model's.</summary>
    public void Dispose()
    {
    }

    private Tensor Find(string name) => _tensors.TryGetValue(name, out Tensor? tensor) ? tensor : throw MissingWeight.In("The model", name, Names);
}
