using static TorchSharp.torch;

namespace Aperture.Weights;

/// <summary>Tensors in memory as a checkpoint: fresh parts of a model that a file does not hold, or a table that was changed. Owns its tensors.</summary>
/// <param name="tensors">The tensors by name; owned. On the CPU, in an element type that files have as well.</param>
public sealed class TensorWeights(IReadOnlyDictionary<string, Tensor> tensors) : IWeightSource
{
    /// <inheritdoc/>
    public IReadOnlyCollection<string> Names { get; } = [.. tensors.Keys];

    /// <inheritdoc/>
    public bool Contains(string name) => tensors.ContainsKey(name);

    /// <inheritdoc/>
    public WeightInfo Describe(string name)
    {
        Tensor tensor = Find(name);
        return new WeightInfo(StoredName(tensor.dtype), tensor.dtype, tensor.shape);
    }

    /// <inheritdoc/>
    public Tensor Load(string name) => Find(name).alias();

    /// <summary>Disposes the tensors.</summary>
    public void Dispose()
    {
        foreach (Tensor tensor in tensors.Values)
        {
            tensor.Dispose();
        }
    }

    private static string StoredName(ScalarType type) => type switch
    {
        ScalarType.BFloat16 => "BF16",
        ScalarType.Float16 => "F16",
        ScalarType.Float32 => "F32",
        ScalarType.Float64 => "F64",
        ScalarType.Int64 => "I64",
        ScalarType.Int32 => "I32",
        _ => type.ToString(),
    };

    private Tensor Find(string name) => tensors.TryGetValue(name, out Tensor? tensor) ? tensor : throw MissingWeight.In("The set of tensors", name, Names);
}
