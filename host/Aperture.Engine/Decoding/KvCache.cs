namespace Aperture.Decoding;

/// <summary>The key/value cache of a request: every layer and sequence has its own length, possibly none.</summary>
public sealed class KvCache : IDisposable
{
    private LayerCache[][] _layers; // [layer][sample]

    /// <summary>An empty cache.</summary>
    /// <param name="layers">Decoder layers.</param>
    /// <param name="samples">Sequences.</param>
    /// <param name="reserve">Rows expected after the prompt, so that storage need not grow.</param>
    /// <param name="format">How keys and values are kept; codes need a decoder on the CPU that is computed in float32 or bf16.</param>
    public KvCache(int layers, int samples, int reserve, CacheFormat format = CacheFormat.Computed)
    {
        Reserve = reserve;
        _layers = [.. Enumerable.Range(0, layers).Select(_ => Enumerable.Range(0, samples).Select(_ => new LayerCache(format)).ToArray())];
    }

    /// <summary>Rows expected after the prompt.</summary>
    public int Reserve { get; }

    /// <summary>Bytes of all rows held.</summary>
    public long Bytes => _layers.Sum(layer => layer.Sum(cache => cache.Bytes));

    /// <summary>Bytes of the storage, rows that are still to come included.</summary>
    internal long Held => _layers.Sum(layer => layer.Sum(cache => cache.Held));

    /// <summary>Rows a layer holds for a sequence.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="sample">The sequence.</param>
    public int Length(int layer, int sample) => _layers[layer][sample].Length;

    internal LayerCache this[int layer, int sample] => _layers[layer][sample];

    /// <summary>Re-orders the sequences: entry <c>i</c> becomes what entry <c>indices[i]</c> was. Sequences named twice are copied.</summary>
    /// <param name="indices">For each new sequence the old one it continues.</param>
    public void Select(ReadOnlySpan<int> indices)
    {
        for (int layer = 0; layer < _layers.Length; layer++)
        {
            LayerCache[] old = _layers[layer], next = new LayerCache[indices.Length];
            bool[] taken = new bool[old.Length];
            for (int i = 0; i < indices.Length; i++)
            {
                next[i] = taken[indices[i]] ? old[indices[i]].Clone() : old[indices[i]];
                taken[indices[i]] = true;
            }

            for (int i = 0; i < old.Length; i++)
            {
                if (!taken[i])
                {
                    old[i].Dispose();
                }
            }

            _layers[layer] = next;
        }
    }

    /// <summary>Lets a row of a sequence and all that came after it go from every layer.</summary>
    /// <param name="sample">The sequence.</param>
    /// <param name="first">The name of the row, by <see cref="LayerCache.Row"/>.</param>
    internal void Truncate(int sample, long first)
    {
        foreach (LayerCache[] layer in _layers)
        {
            layer[sample].Truncate(first);
        }
    }

    /// <summary>A copy with storage of its own.</summary>
    /// <param name="without">Names of rows that it does not get, by <see cref="LayerCache.Row"/>.</param>
    internal KvCache Copy(IReadOnlySet<long> without)
    {
        KvCache copy = new(0, 0, 0) { _layers = [.. _layers.Select(layer => layer.Select(cache => cache.Clone()).ToArray())] };
        foreach (LayerCache cache in without.Count == 0 ? [] : copy._layers.SelectMany(layer => layer))
        {
            cache.Remove(without, 0);
        }

        return copy;
    }

    /// <summary>Gives a sequence the rows of another cache's only sequence, which has none afterwards.</summary>
    /// <param name="sample">The sequence.</param>
    /// <param name="from">The other cache.</param>
    internal void Take(int sample, KvCache from)
    {
        for (int layer = 0; layer < _layers.Length; layer++)
        {
            _layers[layer][sample].Dispose();
            _layers[layer][sample] = from._layers[layer][0];
        }

        from._layers = [];
    }

    /// <summary>Disposes the storage.</summary>
    public void Dispose()
    {
        foreach (LayerCache cache in _layers.SelectMany(layer => layer))
        {
            cache.Dispose();
        }

        _layers = [];
    }
}
