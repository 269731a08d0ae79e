namespace Aperture.Weights;

/// <summary>The storages that a pickle's persistent ids name, by key.</summary>
internal sealed class TorchStorages(PickleReader reader)
{
    private const int IdLength = 5;

    private readonly Dictionary<string, PickledStorage> _storages = new(StringComparer.Ordinal);

    public IReadOnlyDictionary<string, PickledStorage> ByKey => _storages;

    /// <summary>The storage of an id ('storage', class, key, location, count[, view]). The location, a device, does not matter here.</summary>
    public object Resolve(object? id)
    {
        if (id is not PickledSequence { Count: IdLength or IdLength + 1 } fields
            || fields[0] is not "storage" || fields[1] is not PickledName name || fields[2] is not string key || fields[4] is not (long and >= 0 and var count))
        {
            throw reader.Damaged("a storage is named in a way that checkpoints do not use");
        }

        StoredType type = TorchTypes.OfStorage(name)
            ?? throw reader.Refused($"it holds a storage of class '{name}', whose element type is not read; save it with another dtype");
        if (count > long.MaxValue / (type.Bits / 8))
        {
            throw reader.Damaged($"storage '{key}' would hold {count} elements");
        }

        if (!_storages.TryGetValue(key, out PickledStorage? storage))
        {
            storage = new PickledStorage(key, type, count);
            _storages.Add(key, storage);
        }
        else if (storage.Count != count || storage.Type != type)
        {
            throw reader.Damaged($"storage '{key}' is named twice with different sizes or types");
        }

        return fields.Count > IdLength && fields[IdLength] is not null ? Window(storage, fields[IdLength]) : new StorageWindow(storage, 0, count);
    }

    /// <summary>Part of a storage: (key of the part, offset, count).</summary>
    private StorageWindow Window(PickledStorage storage, object? view) =>
        view is PickledSequence { Count: 3 } fields && fields[1] is long and >= 0 and var offset && fields[2] is long and >= 0 and var count
        && offset <= storage.Count && count <= storage.Count - offset
            ? new StorageWindow(storage, offset, count)
            : throw reader.Damaged($"a part of storage '{storage.Key}' lies outside it");
}
