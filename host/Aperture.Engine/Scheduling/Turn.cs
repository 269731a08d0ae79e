namespace Aperture.Scheduling;

/// <summary>A request's place in a <see cref="RequestQueue"/>: first in line, then the right to run.</summary>
internal sealed class Turn : IDisposable
{
    private static readonly AsyncLocal<Turn?> _current = new();
    private readonly RequestQueue _queue;
    private readonly TaskCompletionSource _admitted = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _stop = new(); // Never disposed: closing may cancel it while the request leaves.
    private readonly CancellationTokenRegistration _asked;
    private readonly Turn? _outer;
    private int _thread;
    private volatile bool _isOver;

    public Turn(RequestQueue queue, object? target, CancellationToken cancellationToken)
    {
        _queue = queue;
        Target = target;
        _outer = Innermost();
        _asked = cancellationToken.UnsafeRegister(static turn => ((Turn)turn!).Stop(), this);
    }

    /// <summary>What the request runs on; null for one that runs alone.</summary>
    public object? Target { get; }

    /// <summary>Whether it runs while no other request does.</summary>
    public bool IsAlone => Target is null;

    /// <summary>Whether it was asked for from inside a request that still runs. It passes what waits for that request to end.</summary>
    public bool IsNested => _outer is not null;

    /// <summary>Whether the calling code is part of a request that still runs.</summary>
    public static bool IsInside => Innermost() is not null;

    /// <summary>Fires when the request is to stop.</summary>
    public CancellationToken Token => _stop.Token;

    /// <summary>Completes when the request may run.</summary>
    public Task Admitted => _admitted.Task;

    /// <summary>The running request on a target that the calling code is part of; null for none.</summary>
    public static Turn? Around(object target)
    {
        Turn? turn = Innermost();
        while (turn is not null && !ReferenceEquals(turn.Target, target))
        {
            turn = Running(turn._outer);
        }

        return turn;
    }

    /// <summary>Whether it was asked for from inside another request.</summary>
    public bool IsInsideOf(Turn other)
    {
        Turn? turn = _outer;
        while (turn is not null && turn != other)
        {
            turn = turn._outer;
        }

        return turn is not null;
    }

    /// <summary>Whether the calling thread is the one that runs the request.</summary>
    public bool IsHere => Volatile.Read(ref _thread) == Environment.CurrentManagedThreadId;

    /// <summary>Lets it run, unless it was stopped before.</summary>
    public void Admit() => _admitted.TrySetResult();

    /// <summary>Asks it to stop if it runs; it never will if it waits.</summary>
    public void Stop()
    {
        _stop.Cancel();
        _admitted.TrySetCanceled(_stop.Token);
    }

    /// <summary>Runs work on the calling thread as part of the request.</summary>
    public T Execute<T>(Func<CancellationToken, T> work)
    {
        Turn? before = _current.Value;
        _current.Value = this;
        Volatile.Write(ref _thread, Environment.CurrentManagedThreadId);
        try
        {
            Token.ThrowIfCancellationRequested();
            return work(Token);
        }
        finally
        {
            Volatile.Write(ref _thread, 0);
            _current.Value = before;
        }
    }

    /// <summary>Leaves the queue.</summary>
    public void Dispose()
    {
        _isOver = true;
        _asked.Dispose();
        _queue.Leave(this);
    }

    private static Turn? Innermost() => Running(_current.Value);

    private static Turn? Running(Turn? turn)
    {
        while (turn is { _isOver: true })
        {
            turn = turn._outer;
        }

        return turn;
    }
}
