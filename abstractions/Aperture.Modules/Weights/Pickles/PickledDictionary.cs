using System.Collections;

namespace Aperture.Weights;

/// <summary>A dictionary of a saved Python object, in its order. It may contain itself: walk it with a limit.</summary>
public sealed class PickledDictionary : IReadOnlyCollection<KeyValuePair<object?, object?>>
{
    private readonly List<KeyValuePair<object?, object?>> _entries = [];
    private readonly Dictionary<object, int> _places = [];

    internal PickledDictionary(string typeName) => TypeName = typeName;

    /// <summary>The Python type: <c>dict</c>, <c>OrderedDict</c>, <c>Counter</c>, <c>defaultdict</c>.</summary>
    public string TypeName { get; }

    /// <inheritdoc/>
    public int Count => _entries.Count;

    /// <summary>Finds the value of a key.</summary>
    /// <param name="key">The key: a string, or a number as <see cref="long"/>.</param>
    /// <param name="value">The value, if there is one.</param>
    public bool TryGetValue(object key, out object? value)
    {
        ArgumentNullException.ThrowIfNull(key);
        bool found = _places.TryGetValue(key, out int place);
        value = found ? _entries[place].Value : null;
        return found;
    }

    /// <inheritdoc/>
    public IEnumerator<KeyValuePair<object?, object?>> GetEnumerator() => _entries.GetEnumerator();

    /// <inheritdoc/>
    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>Sets a key as Python does: the last value wins, the first place stays. Keys that are objects are told apart by identity.</summary>
    internal void Set(object? key, object? value)
    {
        KeyValuePair<object?, object?> entry = new(key, value);
        if (_places.TryGetValue(key ?? DBNull.Value, out int place))
        {
            _entries[place] = entry;
            return;
        }

        _places.Add(key ?? DBNull.Value, _entries.Count);
        _entries.Add(entry);
    }
}
