namespace Aperture.Kernels;

/// <summary>
/// A few threads that share short loops with the caller. Workers spin briefly between jobs, because a decode step hands out a job every few microseconds, then
/// sleep. Chunks are claimed one by one, so a worker that the system has not scheduled holds nobody up.
/// </summary>
internal sealed class WorkerTeam : IDisposable
{
    private const int SpinsBeforeSleep = 2000;
    private const int SpinsBeforeYield = 20000;
    private readonly Thread[] _threads;
    private readonly SemaphoreSlim _wake = new(0);
    private volatile Job? _job;
    private volatile bool _stopping;
    private int _sleeping;

    /// <param name="threads">Threads in all, the caller's included.</param>
    public WorkerTeam(int threads)
    {
        Threads = threads;
        _threads = new Thread[threads - 1];
        for (int i = 0; i < _threads.Length; i++)
        {
            _threads[i] = new Thread(Work) { IsBackground = true, Name = $"aperture-kernel-{i}" };
            _threads[i].Start();
        }
    }

    public int Threads { get; }

    /// <summary>Calls the body for chunks 0 … chunks-1, on the caller and the workers, and returns when all are done.</summary>
    public void Run(int chunks, Action<int> body)
    {
        if (_threads.Length == 0 || chunks == 1)
        {
            for (int chunk = 0; chunk < chunks; chunk++)
            {
                body(chunk);
            }

            return;
        }

        Job job = new(chunks, body);
        _job = job;
        Interlocked.MemoryBarrier();
        int sleeping = Volatile.Read(ref _sleeping);
        if (sleeping > 0)
        {
            _wake.Release(sleeping);
        }

        job.Take();
        // A chunk takes microseconds, so the last one is waited for without giving the core away; only a worker that the system has set aside makes this yield.
        for (int spins = 0; !job.Done; spins++)
        {
            if (spins < SpinsBeforeYield)
            {
                Thread.SpinWait(4);
            }
            else
            {
                Thread.Yield();
            }
        }

        _job = null;
        job.ThrowIfFailed();
    }

    public void Dispose()
    {
        _stopping = true;
        _wake.Release(_threads.Length + 1);
        foreach (Thread thread in _threads)
        {
            thread.Join();
        }

        _wake.Dispose();
    }

    private void Work()
    {
        Job? last = null;
        int spins = 0;
        while (!_stopping)
        {
            Job? job = _job;
            if (job is not null && job != last)
            {
                last = job;
                job.Take();
                spins = 0;
            }
            else if (++spins < SpinsBeforeSleep)
            {
                Thread.SpinWait(20);
            }
            else
            {
                Interlocked.Increment(ref _sleeping);
                if (_job is null || _job == last)
                {
                    _wake.Wait();
                }

                Interlocked.Decrement(ref _sleeping);
                spins = 0;
            }
        }
    }

    private sealed class Job(int chunks, Action<int> body)
    {
        private int _next;
        private int _done;
        private Exception? _failure;

        public bool Done => Volatile.Read(ref _done) >= chunks;

        public void Take()
        {
            int chunk;
            while ((chunk = Interlocked.Increment(ref _next) - 1) < chunks)
            {
                try
                {
                    body(chunk);
                }
                catch (Exception error)
                {
                    // Rethrown on the caller's thread once the job is over; a worker thread must not take the process down.
                    Interlocked.CompareExchange(ref _failure, error, null);
                }

                Interlocked.Increment(ref _done);
            }
        }

        public void ThrowIfFailed()
        {
            if (_failure is { } failure)
            {
                System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failure);
            }
        }
    }
}
