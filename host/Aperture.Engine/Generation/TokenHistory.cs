namespace Aperture.Generation;

/// <summary>The ids of one sequence: those seen before, then the new ones.</summary>
internal sealed class TokenHistory
{
    private readonly int _seen;
    private int[] _ids;
    private int _count;

    public TokenHistory(ReadOnlySpan<int> seen, int reserve)
    {
        _seen = seen.Length;
        _ids = new int[seen.Length + reserve];
        seen.CopyTo(_ids);
        _count = _seen;
    }

    private TokenHistory(TokenHistory other)
    {
        _seen = other._seen;
        _ids = [.. other._ids];
        _count = other._count;
    }

    /// <summary>All ids, those seen before first.</summary>
    public ReadOnlySpan<int> All => _ids.AsSpan(0, _count);

    /// <summary>The new ids.</summary>
    public ReadOnlySpan<int> New => _ids.AsSpan(_seen, _count - _seen);

    /// <summary>Number of new ids.</summary>
    public int NewCount => _count - _seen;

    public void Add(int id)
    {
        if (_count == _ids.Length)
        {
            Array.Resize(ref _ids, Math.Max(16, _count * 2));
        }

        _ids[_count++] = id;
    }

    public TokenHistory Clone() => new(this);
}
