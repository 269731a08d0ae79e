using Aperture.Models;
using Aperture.Natives;
using Aperture.Plugins;
using Aperture.Requests;
using Aperture.Scheduling;
using static TorchSharp.torch;

namespace Aperture.Tasks;

/// <summary>
/// A model of a plugin that makes something else than a chat answer. It holds its plugin until it is disposed. Calls run in the order in which they were
/// asked for, from any thread. Extension
/// methods give each kind of task its own call.
/// </summary>
/// <typeparam name="T">The task's contract.</typeparam>
public sealed class OpenTask<T> : IOpenTask
    where T : class, ITaskModel
{
    private readonly RequestQueue _requests;
    private readonly PluginLease _lease;
    private readonly Device _device;
    private T? _model;

    internal OpenTask(RequestQueue requests, PluginLease lease, T model, string checkpoint, Device device)
    {
        (_requests, _lease, _model, _device) = (requests, lease, model, device);
        (Architecture, Summary, Plugin, Checkpoint) = (model.Name, model.Summary, lease.Entry.Id, checkpoint);
    }

    /// <summary>Full path of what it was opened from.</summary>
    public string Checkpoint { get; }

    /// <summary>The architecture's name.</summary>
    public string Architecture { get; }

    /// <summary>One line about what was opened.</summary>
    public string Summary { get; }

    /// <summary>Id of the plugin.</summary>
    public string Plugin { get; }

    /// <summary>Whether it was disposed.</summary>
    public bool IsDisposed => _model is null;

    private T Model => _model ?? throw new ObjectDisposedException(Architecture);

    /// <summary>Calls the model when its turn has come.</summary>
    /// <typeparam name="TResult">What the call gives; it holds no object of the plugin.</typeparam>
    /// <param name="work">The call; it hands on the run.</param>
    /// <param name="call">Who listens; null for nobody.</param>
    /// <param name="cancellationToken">Ends it, waiting or running; without one it ends with the script, entry or cell that asks.</param>
    /// <returns>What the call gave and what it cost.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled, or the model was disposed meanwhile.</exception>
    /// <exception cref="ApertureException">The model is disposed, or it does not take the input.</exception>
    public TaskResult<TResult> Run<TResult>(Func<T, TaskRun, TResult> work, TaskCall? call = null, CancellationToken cancellationToken = default)
        => _requests.Run(this, token => Execute(work, call ?? TaskCall.Plain, token), cancellationToken);

    /// <summary>Calls the model on a thread of the pool when its turn has come.</summary>
    /// <inheritdoc cref="Run"/>
    public Task<TaskResult<TResult>> RunAsync<TResult>(Func<T, TaskRun, TResult> work, TaskCall? call = null, CancellationToken cancellationToken = default)
        => _requests.RunAsync(this, token => Execute(work, call ?? TaskCall.Plain, token), cancellationToken);

    /// <summary>Cancels the calls that run and wait, waits for them, disposes the model and gives its plugin back.</summary>
    public void Dispose()
    {
        T? model = Interlocked.Exchange(ref _model, null);
        if (model is null || !_requests.Close(this, $"'{Checkpoint}'"))
        {
            return;
        }

        try
        {
            model.Dispose();
        }
        finally
        {
            _lease.Dispose();
            TensorPages.GiveBack();
        }
    }

    /// <summary>Reads what the model says about itself, without waiting for a turn.</summary>
    internal TResult Read<TResult>(Func<T, TResult> read) => read(Model);

    private TaskResult<TResult> Execute<TResult>(Func<T, TaskRun, TResult> work, TaskCall call, CancellationToken cancellationToken)
    {
        T model = Model; // It is disposed only after the call has ended.
        TaskTrace? trace = call.Trace is { } wanted ? new TaskTrace(wanted) : null;
        TaskClock clock = new(_device);
        TaskRun run = new() { Cancellation = cancellationToken, Progress = call.Listener, WantsPreviews = call.WantsPreviews, Clock = clock, Trace = trace };
        TResult value = work(model, run);
        return new TaskResult<TResult>(value, clock.Stop(), trace?.Values ?? []);
    }
}

/// <summary>An open task of any kind, as the session keeps it.</summary>
internal interface IOpenTask : IDisposable
{
    /// <summary>Whether it was disposed.</summary>
    bool IsDisposed { get; }
}
