using System.Diagnostics;
using Aperture.Measuring;
using Aperture.Requests;
using Aperture.Scheduling;

namespace Aperture.Scripting;

/// <summary>
/// Brings what follows a top-level <c>await</c> back to the session's thread, so that per-thread state (inference mode, dispose scopes) holds across it
/// and a forced stop reaches it. A script that blocks that thread on an unfinished task (<c>.Result</c>) would wait for itself for ever;
/// continuations that arrive while the thread is blocked therefore go to the thread pool. What an entry that was stopped still posts is dropped for ever; so
/// is, when the session has ended,
/// what entries left in the background.
/// </summary>
/// <param name="scope">The entry that is run.</param>
/// <param name="onLost">Gets what code in the background threw that nobody awaits (<c>async void</c>).</param>
/// <param name="ended">Fires when the session ends.</param>
internal sealed class ScriptPump(WorkScope scope, Action<Exception> onLost, CancellationToken ended) : SynchronizationContext, IDisposable
{
    private static readonly TimeSpan _blockedCheck = TimeSpan.FromMilliseconds(15);

    // An entry that was asked to stop and awaits nothing of the engine gets this long to do so: what it awaits may not know of the request.
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(0.5);
    private static readonly TimeSpan _atWorkCheck = TimeSpan.FromMilliseconds(20);

    private readonly Action<Exception> _onLost = onLost;
    private readonly Thread _owner = Thread.CurrentThread;
    private readonly Queue<(SendOrPostCallback Callback, object? State)> _queue = new();
    private Timer? _check;
    private long _stopAsked;
    private volatile bool _idle;
    private volatile bool _isAbandoned;
    private bool _isFinished;
    private bool _wasWoken;

    private bool OwnerIsBlocked => !_idle && (_owner.ThreadState & System.Threading.ThreadState.WaitSleepJoin) != 0;

    private bool IsDropped => _isAbandoned || ended.IsCancellationRequested;

    public override void Post(SendOrPostCallback d, object? state)
    {
        lock (_queue)
        {
            if (IsDropped)
            {
                return;
            }

            if (_isFinished || OwnerIsBlocked)
            {
                ToPool(d, state);
                return;
            }

            _queue.Enqueue((d, state));
            Monitor.PulseAll(_queue);
            if (!_idle)
            {
                _check ??= new Timer(static pump => ((ScriptPump)pump!).HandOverIfBlocked(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
                _check.Change(_blockedCheck, Timeout.InfiniteTimeSpan);
            }
        }
    }

    public override void Send(SendOrPostCallback d, object? state) => d(state);

    public override SynchronizationContext CreateCopy() => this;

    /// <summary>
    /// Runs continuations on the session's thread until the task ends; throws <see cref="OperationCanceledException"/> when forced to stop, or when the task
    /// was asked to stop, did not, and
    /// waits for nothing of the engine.
    /// </summary>
    public void RunUntilCompleted(Task task)
    {
        _idle = true;
        task.ContinueWith(_ => Wake(), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        using CancellationTokenRegistration forced = scope.Abandon.Register(Wake);
        using CancellationTokenRegistration asked = scope.Stop.Register(() =>
        {
            Volatile.Write(ref _stopAsked, Stopwatch.GetTimestamp());
            Wake();
        });
        while (Next(task) is { } item)
        {
            item.Callback(item.State);
        }
    }

    /// <summary>The entry was stopped: nothing that it left behind runs any further than to its next await.</summary>
    public void Abandon()
    {
        lock (_queue)
        {
            _isAbandoned = true;
            _queue.Clear();
        }
    }

    /// <summary>
    /// Ends a sleep, a wait or the waiting for a lock in which the entry blocks the session's thread: no token and no abort reaches these.
    /// A wait for the engine is left alone unless forced, because the engine ends by itself and cleans up.
    /// </summary>
    public void WakeOwner(bool force)
    {
        lock (_queue)
        {
            if (!_isFinished && OwnerIsBlocked && (force || !scope.IsAtWork))
            {
                _wasWoken = true;
                _owner.Interrupt();
            }
        }
    }

    /// <summary>Hands what is left, and what still comes, to the thread pool.</summary>
    public void Dispose()
    {
        bool wasWoken;
        lock (_queue)
        {
            _isFinished = true;
            wasWoken = _wasWoken;
            Drain();
            _check?.Dispose();
        }

        if (wasWoken)
        {
            try
            {
                Thread.Sleep(1);
            }
            catch (ThreadInterruptedException)
            {
                // It came after the wait that it was for had ended; the thread's next wait is not the entry's.
            }
        }
    }

    private (SendOrPostCallback Callback, object? State)? Next(Task task)
    {
        _idle = true; // Before the lock: waiting for it must not look like a script that blocks.
        lock (_queue)
        {
            try
            {
                while (true)
                {
                    scope.Abandon.ThrowIfCancellationRequested();
                    if (task.IsCompleted)
                    {
                        return null;
                    }

                    TimeSpan wait = UntilLost();
                    if (_queue.TryDequeue(out (SendOrPostCallback, object?) item))
                    {
                        return item;
                    }

                    Monitor.Wait(_queue, wait);
                }
            }
            finally
            {
                _idle = false;
            }
        }
    }

    // How long the entry may still go on by itself; for ever while nobody has asked it to stop.
    private TimeSpan UntilLost()
    {
        long asked = Volatile.Read(ref _stopAsked);
        if (asked == 0)
        {
            return Timeout.InfiniteTimeSpan;
        }

        TimeSpan left = _patience - Stopwatch.GetElapsedTime(asked);
        return left > TimeSpan.Zero ? left
            : scope.IsAtWork ? _atWorkCheck
            : throw new OperationCanceledException("The entry did not stop by itself.", scope.Stop);
    }

    private void Wake()
    {
        lock (_queue)
        {
            Monitor.PulseAll(_queue);
        }
    }

    private void HandOverIfBlocked()
    {
        lock (_queue)
        {
            if (_queue.Count == 0 || _idle || _isFinished)
            {
                return;
            }

            if (OwnerIsBlocked)
            {
                Drain();
            }
            else
            {
                _check!.Change(_blockedCheck, Timeout.InfiniteTimeSpan);
            }
        }
    }

    private void Drain()
    {
        while (_queue.TryDequeue(out (SendOrPostCallback Callback, object? State) item))
        {
            ToPool(item.Callback, item.State);
        }
    }

    // There too the pump is the context, so that it sees the next await of what it hands over.
    private void ToPool(SendOrPostCallback callback, object? state) =>
        ThreadPool.QueueUserWorkItem(
            static item =>
            {
                if (item.Pump.IsDropped)
                {
                    return;
                }

                SetSynchronizationContext(item.Pump);
                try
                {
                    item.Callback(item.State);
                }
                catch (Exception e)
                {
                    // Of whatever type: on a thread of the pool it would end the process.
                    item.Pump._onLost(e);
                }
                finally
                {
                    SetSynchronizationContext(null);
                }
            },
            (Pump: this, Callback: callback, State: state),
            preferLocal: false);
}
