using System.Collections;

namespace Aperture.Weights;

/// <summary>A list, tuple, set or size of a saved Python object. It may contain itself: walk it with a limit.</summary>
public sealed class PickledSequence : IReadOnlyList<object?>
{
    private readonly List<object?> _items;

    internal PickledSequence(PickledSequenceKind kind, IEnumerable<object?> items)
    {
        Kind = kind;
        _items = [.. items];
    }

    /// <summary>Which sequence it was.</summary>
    public PickledSequenceKind Kind { get; }

    /// <inheritdoc/>
    public int Count => _items.Count;

    /// <inheritdoc/>
    public object? this[int index] => _items[index];

    /// <inheritdoc/>
    public IEnumerator<object?> GetEnumerator() => _items.GetEnumerator();

    /// <inheritdoc/>
    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    internal void Add(IEnumerable<object?> items) => _items.AddRange(items);
}
