namespace Aperture.Scheduling;

/// <summary>
/// What running code belongs to: an entry of a session, a cell, a script. It flows with the code, across awaits and into tasks. Whatever takes long ends when
/// its scope is stopped, without having been given a token.
/// </summary>
/// <param name="stop">Fires when the work is to stop.</param>
/// <param name="abandon">Fires when nobody waits for the work any more.</param>
internal sealed class WorkScope(CancellationToken stop, CancellationToken abandon)
{
    private static readonly AsyncLocal<WorkScope?> _current = new();
    private CancellationToken _stop = stop;
    private CancellationToken _abandon = abandon;
    private int _running;

    /// <summary>The scope of the calling code; null outside of sessions.</summary>
    public static WorkScope? Current
    {
        get => _current.Value;
        set => _current.Value = value;
    }

    /// <summary>Fires when the work is to stop.</summary>
    public CancellationToken Stop => _stop;

    /// <summary>Fires when nobody waits for the work any more.</summary>
    public CancellationToken Abandon => _abandon;

    /// <summary>Whether work of the engine is under way in it.</summary>
    public bool IsAtWork => Volatile.Read(ref _running) > 0;

    /// <summary>The entry is over. What it has left running in the background belongs to the session from now on.</summary>
    /// <param name="session">Fires when the session ends.</param>
    public void HandOver(CancellationToken session) => _stop = _abandon = session;

    /// <summary>Counts a piece of work that begins, or ends.</summary>
    public void Count(int change) => Interlocked.Add(ref _running, change);
}
