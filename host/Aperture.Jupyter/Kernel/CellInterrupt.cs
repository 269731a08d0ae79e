using Aperture.Scripting;

namespace Aperture.Jupyter;

/// <summary>
/// Stops the running cell. The first request fires the cell's token; a second one, or no end after a few seconds, aborts its managed code:
/// a notebook has one button, not three presses.
/// </summary>
internal sealed class CellInterrupt : IDisposable
{
    private readonly Lock _lock = new();
    private readonly TimeSpan _patience;
    private ScriptInterrupt? _running;
    private Timer? _force;

    /// <summary>Creates an interrupt with nothing to stop.</summary>
    /// <param name="patience">How long a cell may take to stop by itself.</param>
    public CellInterrupt(TimeSpan patience) => _patience = patience;

    /// <summary>Says which run is to be stopped from now on.</summary>
    public void Begin(ScriptInterrupt run)
    {
        lock (_lock)
        {
            _running = run;
        }
    }

    /// <summary>The run has ended.</summary>
    public void End()
    {
        lock (_lock)
        {
            _running = null;
            _force?.Dispose();
            _force = null;
        }
    }

    /// <summary>Stops the running cell; without one nothing happens.</summary>
    public void Press()
    {
        lock (_lock)
        {
            if (_running?.Press() == InterruptStage.Requested)
            {
                _force = new Timer(_ => Press(), null, _patience, Timeout.InfiniteTimeSpan);
            }
        }
    }

    /// <summary>Stops the timer.</summary>
    public void Dispose() => End();
}
