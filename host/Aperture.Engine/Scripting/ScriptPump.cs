namespace Aperture.Scripting;

/// <summary>
/// Brings what follows a top-level <c>await</c> back to the session's thread, so that per-thread state (inference mode, dispose scopes) holds across it
/// and a forced stop reaches it. A script that blocks that thread on an unfinished task (<c>.Result</c>) would wait for itself for ever;
/// continuations that arrive while the thread is blocked therefore go to the thread pool.
/// </summary>
internal sealed class ScriptPump : SynchronizationContext, IDisposable
{
    private static readonly TimeSpan _blockedCheck = TimeSpan.FromMilliseconds(15);
    private readonly Thread _owner = Thread.CurrentThread;
    private readonly Queue<(SendOrPostCallback Callback, object? State)> _queue = new();
    private readonly Timer _check;
    private volatile bool _idle;
    private bool _closed;

    public ScriptPump()
    {
        _check = new Timer(static state => ((ScriptPump)state!).HandOverIfBlocked(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public override void Post(SendOrPostCallback d, object? state)
    {
        lock (_queue)
        {
            if (_closed || OwnerIsBlocked)
            {
                ToPool(d, state);
                return;
            }

            _queue.Enqueue((d, state));
            Monitor.PulseAll(_queue);
            if (!_idle)
            {
                _check.Change(_blockedCheck, Timeout.InfiniteTimeSpan);
            }
        }
    }

    public override void Send(SendOrPostCallback d, object? state) => d(state);

    public override SynchronizationContext CreateCopy() => this;

    /// <summary>Runs continuations on the session's thread until the task ends; throws <see cref="OperationCanceledException"/> when forced to stop.</summary>
    public void RunUntilCompleted(Task task, CancellationToken forced)
    {
        _idle = true;
        task.ContinueWith(_ => Wake(), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        using CancellationTokenRegistration registration = forced.Register(Wake);
        while (Next(task, forced) is { } item)
        {
            item.Callback(item.State);
        }
    }

    /// <summary>Hands what is left, and what still comes, to the thread pool.</summary>
    public void Dispose()
    {
        lock (_queue)
        {
            _closed = true;
            Drain();
        }

        _check.Dispose();
    }

    private bool OwnerIsBlocked => !_idle && (_owner.ThreadState & ThreadState.WaitSleepJoin) != 0;

    private (SendOrPostCallback Callback, object? State)? Next(Task task, CancellationToken forced)
    {
        _idle = true; // Before the lock: waiting for it must not look like a script that blocks.
        lock (_queue)
        {
            try
            {
                while (true)
                {
                    forced.ThrowIfCancellationRequested();
                    if (task.IsCompleted)
                    {
                        return null;
                    }

                    if (_queue.TryDequeue(out (SendOrPostCallback, object?) item))
                    {
                        return item;
                    }

                    Monitor.Wait(_queue);
                }
            }
            finally
            {
                _idle = false;
            }
        }
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
            if (_queue.Count == 0 || _idle || _closed)
            {
                return;
            }

            if (OwnerIsBlocked)
            {
                Drain();
            }
            else
            {
                _check.Change(_blockedCheck, Timeout.InfiniteTimeSpan);
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

    private static void ToPool(SendOrPostCallback callback, object? state) =>
        ThreadPool.QueueUserWorkItem(static item => item.callback(item.state), (callback, state), preferLocal: false);
}
