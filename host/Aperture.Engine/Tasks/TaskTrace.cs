using static TorchSharp.torch;

namespace Aperture.Tasks;

/// <summary>Copies the wanted values of one call out of the model.</summary>
/// <param name="wanted">Which, by name.</param>
internal sealed class TaskTrace(Func<string, bool> wanted) : ITaskTrace
{
    private readonly List<TracedValue> _values = [];

    /// <summary>What was copied, in the order in which it came.</summary>
    public IReadOnlyList<TracedValue> Values => _values;

    /// <inheritdoc />
    public bool Wants(string name) => wanted(name);

    /// <inheritdoc />
    public void Value(string name, Tensor value)
    {
        using TorchSharp.DisposeScope scope = NewDisposeScope();
        float[] copy = value.detach().to(ScalarType.Float32).cpu().contiguous().data<float>().ToArray();
        _values.Add(new TracedValue(name, [.. value.shape], copy));
    }
}
