using Aperture.Kernels;
using static TorchSharp.torch;

namespace Aperture.Decoding;

/// <summary>Storage of a layer's keys or values for so many rows, in the cache's format.</summary>
internal sealed class CacheRows : IDisposable
{
    private readonly ScalarType _computed;
    private readonly Tensor _rows; // [kv heads, capacity, head]
    private readonly Tensor? _scales; // [kv heads, capacity] where rows are codes

    /// <summary>Empty storage.</summary>
    /// <param name="like">Rows that it is for, <c>[kv heads, rows, head]</c>; borrowed.</param>
    /// <param name="capacity">Rows that it holds.</param>
    /// <param name="format">How it keeps them.</param>
    public CacheRows(Tensor like, int capacity, CacheFormat format)
    {
        _computed = like.dtype;
        ScalarType stored = format switch
        {
            CacheFormat.BFloat16 => ScalarType.BFloat16,
            CacheFormat.Int8 => ScalarType.Int8,
            _ => like.dtype,
        };
        _rows = empty(like.size(0), capacity, like.size(2), dtype: stored, device: like.device).DetachFromDisposeScope();
        _scales = stored == ScalarType.Int8 ? empty(like.size(0), capacity, dtype: ScalarType.Float32).DetachFromDisposeScope() : null;
    }

    private CacheRows(ScalarType computed, Tensor rows, Tensor? scales)
    {
        _computed = computed;
        _rows = rows.DetachFromDisposeScope();
        _scales = scales?.DetachFromDisposeScope();
    }

    private CacheRows(CacheRows like, int capacity)
        : this(
            like._computed,
            empty(like._rows.size(0), capacity, like._rows.size(2), dtype: like._rows.dtype, device: like._rows.device),
            like._scales is null ? null : empty(like._rows.size(0), capacity, dtype: ScalarType.Float32))
    {
    }

    /// <summary>Whether rows are kept in fewer bits than they came in.</summary>
    public bool IsNarrowed => _rows.dtype != _computed;

    /// <summary>Bytes of a row of all heads.</summary>
    public long RowBytes => _rows.size(0) * ((_rows.size(2) * _rows.element_size()) + (_scales is null ? 0 : sizeof(float)));

    /// <summary>Writes rows.</summary>
    /// <param name="at">Where the first goes.</param>
    /// <param name="rows"><c>[kv heads, rows, head]</c> in the type computed in; borrowed.</param>
    public void Write(int at, Tensor rows)
    {
        using StoredRows target = Stored(at, (int)rows.size(1));
        if (_scales is null)
        {
            target.Rows.copy_(rows);
        }
        else
        {
            CacheRowEncoder.Encode(rows, target);
        }
    }

    /// <summary>Copies the first rows of other storage, as they are stored.</summary>
    /// <param name="other">The storage.</param>
    /// <param name="count">How many.</param>
    public void CopyFrom(CacheRows other, int count)
    {
        using StoredRows from = other.Stored(0, count), to = Stored(0, count);
        to.Rows.copy_(from.Rows);
        to.Scales?.copy_(from.Scales!);
    }

    /// <summary>Moves chosen rows, as they are stored, to storage of their own; this one is disposed.</summary>
    /// <param name="kept">Which, in order.</param>
    /// <param name="capacity">Rows that the new storage holds.</param>
    public CacheRows Pick(long[] kept, int capacity)
    {
        CacheRows picked = new(this, capacity);
        using (Tensor index = tensor(kept, device: _rows.device))
        using (StoredRows to = picked.Stored(kept.Length))
        {
            using Tensor rows = _rows.index_select(1, index); // [kv heads, capacity, head] -> [kv heads, kept, head]
            using Tensor? scales = _scales?.index_select(1, index); // [kv heads, capacity] -> [kv heads, kept]
            to.Rows.copy_(rows);
            to.Scales?.copy_(scales!);
        }

        Dispose();
        return picked;
    }

    /// <summary>Views of the first rows as they are stored; the caller disposes them.</summary>
    /// <param name="count">How many.</param>
    public StoredRows Stored(int count) => Stored(0, count);

    /// <summary>The first rows in the type computed in, <c>[kv heads, rows, head]</c>: a view, or widened; the caller disposes it.</summary>
    /// <param name="count">How many.</param>
    public Tensor Whole(int count)
    {
        if (!IsNarrowed)
        {
            return _rows.narrow(1, 0, count);
        }

        using StoredRows stored = Stored(0, count);
        if (stored.Scales is not { } scales)
        {
            return stored.Rows.to_type(_computed);
        }

        using Tensor codes = stored.Rows.to_type(ScalarType.Float32), factors = scales.unsqueeze(-1); // [kv heads, rows] -> [kv heads, rows, 1]
        codes.mul_(factors);
        return codes.to_type(_computed, copy: true);
    }

    /// <summary>A copy with memory of its own.</summary>
    public CacheRows Clone() => new(_computed, _rows.clone(), _scales?.clone());

    public void Dispose()
    {
        _rows.Dispose();
        _scales?.Dispose();
    }

    private StoredRows Stored(int from, int count) => new(_rows.narrow(1, from, count), _scales?.narrow(1, from, count));
}
