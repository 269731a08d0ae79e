using System.Runtime.InteropServices;

namespace Aperture.Host;

/// <summary>
/// Ctrl+C (and SIGTERM) for a command: the first one cancels, the next leaves at once. A command that can stop in more stages takes over Ctrl+C with
/// <see cref="Handle"/>.
/// </summary>
internal sealed class CtrlC : IDisposable
{
    private readonly CancellationTokenSource _cancelled = new();
    private readonly PosixSignalRegistration _interrupt;
    private readonly PosixSignalRegistration _terminate;
    private Action? _handler;

    public CtrlC()
    {
        _interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Pressed);
        _terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Pressed);
    }

    /// <summary>Fires at the first press, unless a handler has taken over, and at SIGTERM.</summary>
    public CancellationToken Token => _cancelled.Token;

    /// <summary>Gives the presses to a handler until the result is disposed.</summary>
    public IDisposable Handle(Action handler)
    {
        _handler = handler;
        return new Registration(this);
    }

    public void Dispose()
    {
        _interrupt.Dispose();
        _terminate.Dispose();
        _cancelled.Dispose();
    }

    /// <summary>Ends the process as Ctrl+C does.</summary>
    public static void Leave() => ProcessEnd.Now(ErrorReport.Interrupted);

    private void Pressed(PosixSignalContext context)
    {
        context.Cancel = true;
        if (context.Signal == PosixSignal.SIGINT && _handler is { } handler)
        {
            handler();
        }
        else if (_cancelled.IsCancellationRequested)
        {
            Leave();
        }
        else
        {
            _cancelled.Cancel();
        }
    }

    private sealed class Registration(CtrlC owner) : IDisposable
    {
        public void Dispose() => owner._handler = null;
    }
}
