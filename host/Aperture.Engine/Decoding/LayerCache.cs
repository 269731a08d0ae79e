using Aperture.Sequences;
using static TorchSharp.torch;

namespace Aperture.Decoding;

/// <summary>Keys and values of one sequence in one layer: its own length, written in place into storage that grows seldom.</summary>
internal sealed class LayerCache : IDisposable
{
    private Tensor? _keys; // [kv heads, capacity, head]
    private Tensor? _values;
    private int[] _positions = [];
    private long[] _rows = []; // which row of which forward each is
    private int _capacity;

    /// <summary>Rows held.</summary>
    public int Length { get; private set; }

    /// <summary>Position ids of the rows held.</summary>
    public ReadOnlySpan<int> Positions => _positions.AsSpan(0, Length);

    /// <summary>Bytes of the rows held.</summary>
    public long Bytes { get; private set; }

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

        using (Tensor target = _keys!.narrow(1, Length, rows))
        {
            target.copy_(keys);
        }

        using (Tensor target = _values!.narrow(1, Length, rows))
        {
            target.copy_(values);
        }

        layout.Positions.CopyTo(_positions.AsSpan(Length));
        for (int row = 0; row < rows; row++)
        {
            _rows[Length + row] = Row(step, layout.Original[row]);
        }

        Length += rows;
        Bytes += rows * RowBytes(keys) * 2;
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

        Tensor oldKeys = _keys!, oldValues = _values!;
        using (Tensor index = tensor(kept, device: oldKeys.device))
        {
            using Tensor keys = oldKeys.index_select(1, index), values = oldValues.index_select(1, index);
            int[] positions = [.. kept.Select(i => _positions[i])];
            long[] names = [.. kept.Select(i => _rows[i])];
            _keys = _values = null;
            Length = _capacity = 0;
            Grow(keys, values, kept.Length + reserve);
            using Tensor toKeys = _keys!.narrow(1, 0, kept.Length), toValues = _values!.narrow(1, 0, kept.Length);
            toKeys.copy_(keys);
            toValues.copy_(values);
            positions.CopyTo(_positions, 0);
            names.CopyTo(_rows, 0);
            Length = kept.Length;
            Bytes = Length * RowBytes(keys) * 2;
        }

        oldKeys.Dispose();
        oldValues.Dispose();
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

        if (kept < Length)
        {
            Bytes = Bytes / Length * kept;
            Length = kept;
        }
    }

    /// <summary>Views of the rows held, <c>[kv heads, rows, head]</c>; the caller disposes them.</summary>
    public (Tensor Keys, Tensor Values) View() => (_keys!.narrow(1, 0, Length), _values!.narrow(1, 0, Length));

    /// <summary>A copy with storage of its own.</summary>
    public LayerCache Clone() => new()
    {
        _keys = _keys?.clone().DetachFromDisposeScope(),
        _values = _values?.clone().DetachFromDisposeScope(),
        _positions = [.. _positions],
        _rows = [.. _rows],
        _capacity = _capacity,
        Length = Length,
        Bytes = Bytes,
    };

    public void Dispose()
    {
        _keys?.Dispose();
        _values?.Dispose();
        _keys = _values = null;
    }

    private void Grow(Tensor keys, Tensor values, int capacity)
    {
        (Tensor? oldKeys, Tensor? oldValues) = (_keys, _values);
        long heads = keys.size(0), head = keys.size(2), valueHead = values.size(2);
        _keys = empty(heads, capacity, head, dtype: keys.dtype, device: keys.device).DetachFromDisposeScope();
        _values = empty(heads, capacity, valueHead, dtype: values.dtype, device: values.device).DetachFromDisposeScope();
        if (Length > 0)
        {
            using Tensor from = oldKeys!.narrow(1, 0, Length), to = _keys.narrow(1, 0, Length);
            using Tensor fromValues = oldValues!.narrow(1, 0, Length), toValues = _values.narrow(1, 0, Length);
            to.copy_(from);
            toValues.copy_(fromValues);
        }

        oldKeys?.Dispose();
        oldValues?.Dispose();
        Array.Resize(ref _positions, capacity);
        Array.Resize(ref _rows, capacity);
        _capacity = capacity;
    }

    private static long RowBytes(Tensor keys) => keys.size(0) * keys.size(2) * keys.element_size();
}
