using Aperture.Sequences;
using static TorchSharp.torch;

namespace Aperture.Decoding;

/// <summary>Keys and values of one sequence in one layer: its own length, written in place into storage that grows seldom.</summary>
/// <param name="format">How they are kept.</param>
internal sealed class LayerCache(CacheFormat format = CacheFormat.Computed) : IDisposable
{
    private CacheRows? _keys;
    private CacheRows? _values;
    private int[] _positions = [];
    private long[] _rows = []; // which row of which forward each is
    private int _capacity;

    /// <summary>Rows held.</summary>
    public int Length { get; private set; }

    /// <summary>Position ids of the rows held.</summary>
    public ReadOnlySpan<int> Positions => _positions.AsSpan(0, Length);

    /// <summary>Bytes of the rows held.</summary>
    public long Bytes => Length == 0 ? 0 : Length * (_keys!.RowBytes + _values!.RowBytes);

    /// <summary>Whether rows are kept in fewer bits than they came in.</summary>
    public bool IsNarrowed => _keys?.IsNarrowed == true;

    /// <summary>Bytes of the storage, rows that are still to come included.</summary>
    public long Held => Length == 0 ? 0 : Bytes / Length * _capacity;

    /// <summary>Adds rows.</summary>
    /// <param name="keys">After RoPE, <c>[kv heads, rows, head]</c>; borrowed.</param>
    /// <param name="values"><c>[kv heads, rows, head]</c>; borrowed.</param>
    /// <param name="layout">What the rows are.</param>
    /// <param name="step">The forward they come from.</param>
    /// <param name="reserve">Rows that are expected to follow.</param>
    public void Append(Tensor keys, Tensor values, SequenceLayout layout, int step, int reserve)
    {
        int rows = layout.Count;
        if (Length + rows > _capacity)
        {
            Grow(keys, values, Length + rows + Math.Max(reserve, _capacity / 2));
        }

        _keys!.Write(Length, keys);
        _values!.Write(Length, values);
        layout.Positions.CopyTo(_positions.AsSpan(Length));
        for (int row = 0; row < rows; row++)
        {
            _rows[Length + row] = Row(step, layout.Original[row]);
        }

        Length += rows;
    }

    /// <summary>The name of a row: the forward it came with and its index in that forward's sequence.</summary>
    public static long Row(int step, int original) => ((long)step << 32) | (uint)original;

    /// <summary>Lets rows go and gives their storage back.</summary>
    /// <param name="rows">Names of rows (<see cref="Row"/>); those that are not held count for nothing.</param>
    /// <param name="reserve">Rows that are expected to follow.</param>
    public void Remove(IReadOnlySet<long> rows, int reserve)
    {
        long[] kept = [.. Enumerable.Range(0, Length).Where(i => !rows.Contains(_rows[i])).Select(i => (long)i)];
        if (kept.Length == Length)
        {
            return;
        }

        int[] positions = [.. kept.Select(i => _positions[i])];
        long[] names = [.. kept.Select(i => _rows[i])];
        _capacity = kept.Length + reserve;
        _keys = _keys!.Pick(kept, _capacity);
        _values = _values!.Pick(kept, _capacity);
        _positions = new int[_capacity];
        _rows = new long[_capacity];
        positions.CopyTo(_positions, 0);
        names.CopyTo(_rows, 0);
        Length = kept.Length;
    }

    /// <summary>Lets a row and all that came after it go. Their storage stays for the rows that follow.</summary>
    /// <param name="first">The name of the row (<see cref="Row"/>), held or not: rows are held in the order of their names.</param>
    public void Truncate(long first)
    {
        int kept = Length;
        while (kept > 0 && _rows[kept - 1] >= first)
        {
            kept--;
        }

        Length = kept;
    }

    /// <summary>The rows held in the type computed in, <c>[kv heads, rows, head]</c>; the caller disposes them.</summary>
    public (Tensor Keys, Tensor Values) View() => (Keys(), _values!.Whole(Length));

    /// <summary>The keys held in the type computed in, <c>[kv heads, rows, head]</c>; the caller disposes them.</summary>
    public Tensor Keys() => _keys!.Whole(Length);

    /// <summary>The rows held as they are stored; the caller disposes them.</summary>
    public (StoredRows Keys, StoredRows Values) Stored() => (_keys!.Stored(Length), _values!.Stored(Length));

    /// <summary>A copy with storage of its own.</summary>
    public LayerCache Clone() => new(format)
    {
        _keys = _keys?.Clone(),
        _values = _values?.Clone(),
        _positions = [.. _positions],
        _rows = [.. _rows],
        _capacity = _capacity,
        Length = Length,
    };

    public void Dispose()
    {
        _keys?.Dispose();
        _values?.Dispose();
        _keys = _values = null;
    }

    private void Grow(Tensor keys, Tensor values, int capacity)
    {
        _keys = Grown(_keys, keys, capacity);
        _values = Grown(_values, values, capacity);
        Array.Resize(ref _positions, capacity);
        Array.Resize(ref _rows, capacity);
        _capacity = capacity;
    }

    private CacheRows Grown(CacheRows? old, Tensor like, int capacity)
    {
        CacheRows grown = new(like, capacity, format);
        if (Length > 0)
        {
            grown.CopyFrom(old!, Length);
        }

        old?.Dispose();
        return grown;
    }
}
