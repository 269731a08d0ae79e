namespace Aperture.Scripting;

/// <summary>
/// Stops a run in three stages, one for each Ctrl+C: the token, then an abort of the script's managed code, then leaving.
/// A front end calls <see cref="Press"/> and acts on <see cref="InterruptStage.Leave"/>; one object serves one run.
/// </summary>
public sealed class ScriptInterrupt : IDisposable
{
    private readonly CancellationTokenSource _requested;
    private readonly CancellationTokenSource _forced = new();
    private int _presses;

    /// <summary>Creates an interrupt that nobody has pressed.</summary>
    /// <param name="cancellation">Counts as the first press when it fires.</param>
    public ScriptInterrupt(CancellationToken cancellation = default)
    {
        _requested = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
    }

    /// <summary>Fires at the first press.</summary>
    public CancellationToken Requested => _requested.Token;

    /// <summary>Fires at the second press.</summary>
    public CancellationToken Forced => _forced.Token;

    /// <summary>Goes one stage further and returns the stage now reached.</summary>
    public InterruptStage Press()
    {
        switch (Interlocked.Increment(ref _presses))
        {
            case 1 when !_requested.IsCancellationRequested:
                _requested.Cancel();
                return InterruptStage.Requested;
            case 1:
                Interlocked.Increment(ref _presses);
                goto case 2;
            case 2:
                _forced.Cancel();
                return InterruptStage.Forced;
            default:
                return InterruptStage.Leave;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _requested.Dispose();
        _forced.Dispose();
    }
}
