using Aperture.Scripting;

namespace Aperture.Host.Repl;

/// <summary>Ctrl+C while an entry runs: stops it in stages. At the prompt the editor sees Ctrl+C as a key, and a signal from elsewhere does nothing.</summary>
internal sealed class ReplInterrupt(Terminal terminal, LineHistory history)
{
    private ScriptInterrupt? _running;

    /// <summary>Runs an entry or a command that presses reach.</summary>
    public async Task<T> WatchAsync<T>(Func<ScriptInterrupt, Task<T>> run, CancellationToken cancellationToken)
    {
        using ScriptInterrupt interrupt = new ScriptInterrupt(cancellationToken);
        _running = interrupt;
        try
        {
            return await run(interrupt).ConfigureAwait(false);
        }
        finally
        {
            _running = null;
        }
    }

    /// <summary>One press.</summary>
    public void Press()
    {
        switch (_running?.Press())
        {
            case InterruptStage.Requested:
                terminal.Error.WriteLine("Stopping. Ctrl+C again aborts the entry, a third time leaves.");
                break;
            case InterruptStage.Forced:
                terminal.Error.WriteLine("Aborting. Ctrl+C again leaves.");
                break;
            case InterruptStage.Leave:
                terminal.Error.WriteLine(history.Path is { } path ? $"Leaving. What you entered is in {path}." : "Leaving.");
                CtrlC.Leave();
                break;
        }
    }
}
