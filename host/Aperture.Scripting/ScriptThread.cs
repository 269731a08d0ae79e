using System.Collections.Concurrent;

namespace Aperture.Scripting;

/// <summary>The one thread that runs a session's submissions, one after the other.</summary>
internal sealed class ScriptThread : IDisposable
{
    private readonly BlockingCollection<Action> _jobs = [];

    private readonly Thread _thread;

    public ScriptThread()
    {
        _thread = new Thread(Loop) { IsBackground = true, Name = "script session" };
        _thread.Start();
    }

    /// <summary>Whether the caller runs on it.</summary>
    public bool IsCurrent => Thread.CurrentThread == _thread;

    public Task<T> Run<T>(Func<T> job)
    {
        TaskCompletionSource<T> completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _jobs.Add(() =>
        {
            try
            {
                completion.SetResult(job());
            }
            catch (Exception e)
            {
                // Not handled here: the caller who awaits the job gets it.
                completion.SetException(e);
            }
        });
        return completion.Task;
    }

    /// <summary>Ends the thread after the jobs that are already waiting.</summary>
    public void Dispose() => _jobs.CompleteAdding();

    private void Loop()
    {
        foreach (Action job in _jobs.GetConsumingEnumerable())
        {
            job();
        }
    }
}
