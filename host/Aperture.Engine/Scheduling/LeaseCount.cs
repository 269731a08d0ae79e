namespace Aperture.Scheduling;

/// <summary>
/// Counts who uses something that its owner may let go at any time: it is freed when it was let go and the last lease is back. Safe to use from any thread.
/// </summary>
/// <param name="free">Frees it; called once.</param>
internal sealed class LeaseCount(Action free)
{
    private readonly Lock _gate = new();
    private int _leases;
    private bool _isReleased;

    /// <summary>Takes a lease, unless it was let go.</summary>
    public bool TryTake()
    {
        lock (_gate)
        {
            _leases += _isReleased ? 0 : 1;
            return !_isReleased;
        }
    }

    /// <summary>Gives a lease back.</summary>
    public void Return() => Change(() => _leases--);

    /// <summary>Gives no more leases, and frees it when none is out.</summary>
    public void Release() => Change(() => _isReleased = true);

    private void Change(Action change)
    {
        bool isOver;
        lock (_gate)
        {
            bool was = _isReleased && _leases == 0;
            change();
            isOver = !was && _isReleased && _leases == 0;
        }

        if (isOver)
        {
            free();
        }
    }
}
