namespace Aperture.Weights;

/// <summary>
/// An object that weights do not need, kept as it was described and never built: an argument list, a configuration, a device. It may contain itself.
/// </summary>
public sealed class PickledObject
{
    internal PickledObject(string className, IReadOnlyList<object?> arguments)
    {
        ClassName = className;
        Arguments = arguments;
    }

    /// <summary>The Python class or function with its module, such as <c>argparse.Namespace</c>.</summary>
    public string ClassName { get; }

    /// <summary>The arguments it would have been made from.</summary>
    public IReadOnlyList<object?> Arguments { get; }

    /// <summary>The state it would have been given, most often a <see cref="PickledDictionary"/> of its attributes; null if none.</summary>
    public object? State { get; internal set; }

    /// <summary>The entries it would have been given, where it is a kind of dictionary; null if none.</summary>
    public PickledDictionary? Entries { get; private set; }

    /// <inheritdoc/>
    public override string ToString() => ClassName;

    internal void AddEntries(object?[] keysAndValues)
    {
        Entries ??= new PickledDictionary("dict");
        for (int i = 0; i + 1 < keysAndValues.Length; i += 2)
        {
            Entries.Set(keysAndValues[i], keysAndValues[i + 1]);
        }
    }
}
