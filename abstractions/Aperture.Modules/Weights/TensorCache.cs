using static TorchSharp.torch;

namespace Aperture.Weights;

/// <summary>
/// Tensors that are made when they are first asked for and then kept, such as weights in the element type of the rows that meet them. Safe for several threads:
/// each tensor is made once and stays until the cache is disposed, so that whoever has borrowed it never loses it to another request.
/// </summary>
/// <typeparam name="TKey">What a tensor is known by; everything that it depends on.</typeparam>
public sealed class TensorCache<TKey> : IDisposable
    where TKey : notnull
{
    private readonly Lock _gate = new();
    private readonly Dictionary<TKey, Tensor> _tensors = [];

    /// <summary>The tensor of a key.</summary>
    /// <param name="key">The key.</param>
    /// <param name="make">Makes it; called while other callers wait.</param>
    /// <returns>The tensor; borrowed.</returns>
    public Tensor Get(TKey key, Func<TKey, Tensor> make)
    {
        lock (_gate)
        {
            if (!_tensors.TryGetValue(key, out Tensor? tensor))
            {
                tensor = make(key).DetachFromDisposeScope();
                _tensors.Add(key, tensor);
            }

            return tensor;
        }
    }

    /// <summary>Disposes the tensors.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            foreach (Tensor tensor in _tensors.Values)
            {
                tensor.Dispose();
            }

            _tensors.Clear();
        }
    }
}
