using System.Runtime.CompilerServices;

namespace Aperture.Scheduling;

/// <summary>
/// Lets requests run so that none changes or ends another: on one model in the order they were asked, on several models side by side, and never beside a reload
/// of plugins. Closing cancels what runs and waits for it, so that nothing is freed under a request. Safe to use from any thread.
/// </summary>
public sealed class RequestQueue
{
    private const string Closed = "The model is disposed or its session is closed, so it can be asked nothing more; open it anew.";
    private readonly Lock _gate = new();
    private readonly List<Turn> _waiting = [];
    private readonly List<Turn> _running = [];
    private readonly ConditionalWeakTable<object, string> _closed = []; // with what a later request is told
    private readonly List<(object? Target, TaskCompletionSource Left)> _closing = [];
    private TaskCompletionSource? _idle; // of those who wait until nothing runs or waits
    private bool _isClosed;

    /// <summary>Gets a line for what had to stay in memory because a request did not end; null for nobody.</summary>
    public Action<string>? OnNotice { get; set; }

    /// <summary>How long closing waits for requests that it has cancelled.</summary>
    public static TimeSpan Patience { get; } = TimeSpan.FromSeconds(5);

    /// <summary>Requests that run or wait.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _running.Count + _waiting.Count;
            }
        }
    }

    /// <summary>
    /// Runs a request when its turn has come. Inside a request on the same target it runs at once. From a thread that has a synchronisation context (a
    /// script's) it runs on a thread of the pool, because a script's thread may be aborted.
    /// </summary>
    /// <typeparam name="T">What it gives.</typeparam>
    /// <param name="target">What it runs on: a model.</param>
    /// <param name="work">The request; its token fires when it is to stop.</param>
    /// <param name="cancellationToken">Ends it, waiting or running; without one it ends with the script or entry that asks.</param>
    /// <exception cref="OperationCanceledException">It was cancelled, or what it runs on was disposed meanwhile.</exception>
    /// <exception cref="ApertureException">What it would run on is disposed, or it would wait for itself.</exception>
    public T Run<T>(object target, Func<CancellationToken, T> work, CancellationToken cancellationToken = default)
    {
        if (Turn.Around(target) is { IsHere: true } outer)
        {
            using Work inner = Work.Begin(cancellationToken);
            using CancellationTokenSource linked = CancellationTokenSource.CreateLinkedTokenSource(outer.Token, inner.Token);
            return work(linked.Token);
        }

        if (SynchronizationContext.Current is not null)
        {
            return Await(RunAsync(target, work, cancellationToken));
        }

        using Work own = Work.Begin(cancellationToken);
        using Turn turn = Enter(target, own.Token);
        turn.Admitted.GetAwaiter().GetResult();
        return turn.Execute(work);
    }

    /// <summary>Runs a request on a thread of the pool when its turn has come.</summary>
    /// <inheritdoc cref="Run"/>
    public async Task<T> RunAsync<T>(object target, Func<CancellationToken, T> work, CancellationToken cancellationToken = default)
    {
        using Work own = Work.Begin(cancellationToken);
        using Turn turn = Enter(target, own.Token);
        await turn.Admitted.ConfigureAwait(false);
        return await Task.Run(() => turn.Execute(work), CancellationToken.None).ConfigureAwait(false);
    }

    /// <summary>Runs work on a thread of the pool while no request runs: it waits for those that do, and later ones wait for it.</summary>
    /// <typeparam name="T">What it gives.</typeparam>
    /// <param name="work">The work.</param>
    /// <param name="cancellationToken">Ends the waiting; the work gets it too.</param>
    /// <exception cref="ApertureException">The queue is closed, or the caller is part of a request.</exception>
    public async Task<T> RunAloneAsync<T>(Func<CancellationToken, Task<T>> work, CancellationToken cancellationToken = default)
    {
        using Work own = Work.Begin(cancellationToken);
        using Turn turn = Enter(null, own.Token);
        await turn.Admitted.ConfigureAwait(false);
        return await Task.Run(() => work(turn.Token), CancellationToken.None).ConfigureAwait(false);
    }

    /// <summary>Refuses further requests on a target and waits for those there are, which end as they would.</summary>
    /// <param name="target">What they run on.</param>
    /// <param name="refusal">What later requests are told.</param>
    /// <param name="cancellationToken">Ends the waiting; requests are taken again then.</param>
    /// <exception cref="ApertureException">It is closed, or the caller is part of a request on it.</exception>
    public async Task DrainAsync(object target, string refusal, CancellationToken cancellationToken = default)
    {
        using Work own = Work.Begin(cancellationToken);
        using Turn last = Enter(target, own.Token, refusal);
        try
        {
            await last.Admitted.ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            lock (_gate)
            {
                if (_closed.TryGetValue(target, out string? told) && ReferenceEquals(told, refusal))
                {
                    _closed.Remove(target);
                }
            }

            throw;
        }
    }

    /// <summary>Refuses further requests, cancels those there are and waits for the running ones.</summary>
    /// <param name="target">What they run on; null for all, and for ever.</param>
    /// <param name="patience">How long to wait.</param>
    /// <param name="refusal">What later requests on the target are told; null for that it is disposed.</param>
    /// <returns>Whether none runs any more: only then may what they use be freed.</returns>
    public async Task<bool> CloseAsync(object? target, TimeSpan patience, string? refusal = null)
    {
        Task left;
        Turn[] stopped;
        lock (_gate)
        {
            _isClosed |= target is null;
            if (target is not null)
            {
                _closed.AddOrUpdate(target, refusal ?? Closed);
            }

            stopped = [.. _waiting.Concat(_running).Where(turn => IsOf(turn, target))];
            left = Left(target);
        }

        // Not under the lock: what hangs on a token may ask for it.
        foreach (Turn turn in stopped)
        {
            turn.Stop();
        }

        return await Task.WhenAny(left, Task.Delay(patience)).ConfigureAwait(false) == left;
    }

    /// <summary>Waits until no request runs or waits. Others may come meanwhile; they are waited for too.</summary>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public Task WhenIdleAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            return _running.Count + _waiting.Count == 0
                ? Task.CompletedTask
                : (_idle ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Closes as <see cref="CloseAsync"/> does and gives notice if something still runs.</summary>
    /// <param name="target">What they run on.</param>
    /// <param name="what">How the notice names it, at the beginning of a sentence.</param>
    /// <param name="refusal">What later requests on it are told; null for that it is disposed.</param>
    /// <returns>Whether what they run on may be freed.</returns>
    internal bool Close(object target, string what, string? refusal = null)
    {
        bool left = CloseAsync(target, Patience, refusal).GetAwaiter().GetResult();
        if (!left)
        {
            OnNotice?.Invoke(StillRuns(what));
        }

        return left;
    }

    internal static string StillRuns(string what)
        => $"{what} stays in memory until the process ends: a request on it had not stopped {Patience.TotalSeconds:0} s after it was cancelled.";

    internal void Leave(Turn turn)
    {
        lock (_gate)
        {
            _waiting.Remove(turn);
            _running.Remove(turn);
            foreach ((object? target, TaskCompletionSource left) in _closing.ToArray())
            {
                if (!_running.Any(running => IsOf(running, target)))
                {
                    _closing.Remove((target, left));
                    left.SetResult();
                }
            }

            Advance();
            if (_running.Count + _waiting.Count == 0)
            {
                _idle?.SetResult();
                _idle = null;
            }
        }
    }

    private static bool IsOf(Turn turn, object? target) => target is null || ReferenceEquals(turn.Target, target);

    // An entry that is abandoned does not wait for its request to reach the next check.
    private static T Await<T>(Task<T> request)
    {
        Task.WaitAny([request], WorkScope.Current?.Abandon ?? default);
        return request.GetAwaiter().GetResult();
    }

    // With a refusal it is the last that may enter.
    private Turn Enter(object? target, CancellationToken cancellationToken, string? refusal = null)
    {
        cancellationToken.ThrowIfCancellationRequested();
        lock (_gate)
        {
            if (target is null ? Turn.IsInside : WaitsForItself(target))
            {
                throw new ApertureException(
                    "This was asked from inside a request that it would have to wait for, so neither would ever end; ask after the answer has come.");
            }

            string? told = _isClosed ? Closed : target is not null && _closed.TryGetValue(target, out string? own) ? own : null;
            if (told is not null)
            {
                throw new ApertureException(told);
            }

            if (refusal is not null)
            {
                _closed.AddOrUpdate(target!, refusal);
            }

            Turn turn = new(this, target, cancellationToken);
            _waiting.Add(turn);
            Advance();
            return turn;
        }
    }

    // Whether a request on a target would wait for one that the calling code is part of: at once, or because the target's request waits, in one of its own, for
    // another, and so on.
    private bool WaitsForItself(object target)
    {
        HashSet<object> seen = new(ReferenceEqualityComparer.Instance);
        for (object? next = target; next is not null && seen.Add(next);)
        {
            if (Turn.Around(next) is not null)
            {
                return true;
            }

            Turn? holder = _running.Find(turn => ReferenceEquals(turn.Target, next));
            next = holder is null ? null : _waiting.Find(turn => turn.IsInsideOf(holder))?.Target;
        }

        return false;
    }

    private void Advance()
    {
        if (_running.Any(turn => turn.IsAlone))
        {
            return;
        }

        Turn? alone = _waiting.Find(turn => turn.IsAlone);
        foreach (Turn turn in _waiting.ToArray())
        {
            bool isNext = turn.IsAlone
                ? turn == alone && _running.Count == 0
                : (alone is null || turn.IsNested) && !_running.Any(running => ReferenceEquals(running.Target, turn.Target));
            if (isNext)
            {
                _waiting.Remove(turn);
                _running.Add(turn);
                turn.Admit();
                if (turn.IsAlone)
                {
                    return;
                }
            }
        }
    }

    private Task Left(object? target)
    {
        if (!_running.Any(turn => IsOf(turn, target)))
        {
            return Task.CompletedTask;
        }

        TaskCompletionSource left = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _closing.Add((target, left));
        return left.Task;
    }
}
