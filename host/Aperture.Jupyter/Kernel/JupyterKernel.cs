using System.Text.Json.Nodes;
using System.Threading.Channels;
using Aperture.Pipelines;
using Aperture.Scripting;

namespace Aperture.Jupyter;

/// <summary>
/// A Jupyter kernel over a script session: the messaging protocol 5.3 on five ZeroMQ sockets. Requests of the shell channel are answered one after the other,
/// in order; those of the control channel (interrupt, shutdown) at once. Nothing a client or a cell does ends it but a shutdown request.
/// </summary>
public sealed class JupyterKernel : IDisposable
{
    private static readonly TimeSpan _lastCell = TimeSpan.FromSeconds(2);
    private readonly Channel<(JupyterMessage Request, long Number)> _shell = Channel.CreateUnbounded<(JupyterMessage Request, long Number)>();
    private readonly Channel<JupyterMessage> _control = Channel.CreateUnbounded<JupyterMessage>();
    private readonly TaskCompletionSource _shutdown = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ScriptSession _session;
    private readonly KernelSockets _sockets;
    private readonly CellInterrupt _interrupt;
    private readonly CellExecution _execution;
    private readonly KernelAnswers _answers;
    private readonly SessionIntelligence _intelligence;
    private readonly Action<string> _log;
    private long _received;
    private long _abortedUpTo;

    /// <summary>Opens the kernel's sockets.</summary>
    /// <param name="connection">Where to listen.</param>
    /// <param name="session">Runs the cells; not owned.</param>
    /// <param name="display">The display that the session's globals print to.</param>
    /// <param name="options">Settings; null for the defaults.</param>
    /// <exception cref="ApertureException">A port is taken.</exception>
    public JupyterKernel(ConnectionFile connection, ScriptSession session, CellDisplay display, KernelOptions? options = null)
    {
        options ??= new KernelOptions();
        _log = options.Log;
        _interrupt = new CellInterrupt(options.InterruptPatience);
        _sockets = new KernelSockets(connection)
        {
            Shell = request => _shell.Writer.TryWrite((request, Interlocked.Increment(ref _received))),
            Control = request => _control.Writer.TryWrite(request),
            Dropped = reason => _log($"A message was dropped: {reason}."),
        };
        KernelHistory history = new();
        KernelInput input = new(_sockets);
        _sockets.Stdin = input.Receive;
        _execution = new CellExecution(_sockets, new CellRunner(session, display), history, _interrupt, input);
        _session = session;
        _intelligence = new SessionIntelligence(session);
        _answers = new KernelAnswers(history, new CodeAnswers(_intelligence));
    }

    /// <summary>Loads the compiler and its services ahead of the first request.</summary>
    /// <param name="cancellationToken">Stops loading.</param>
    public async Task WarmUpAsync(CancellationToken cancellationToken)
    {
        await _session.WarmUpAsync().ConfigureAwait(false);
        await _intelligence.WarmUpAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Serves until a client asks for shutdown or the token fires. A cell that still runs then is interrupted and gets a moment to end.</summary>
    /// <param name="cancellationToken">Ends the kernel.</param>
    /// <returns>Whether every cell has ended; if not, one still uses the session.</returns>
    public async Task<bool> RunAsync(CancellationToken cancellationToken)
    {
        await using CancellationTokenRegistration registration = cancellationToken.Register(() => _shutdown.TrySetResult());
        Task shell = ServeShellAsync();
        Task control = ServeControlAsync();
        _sockets.Start();
        await _shutdown.Task.ConfigureAwait(false);
        _shell.Writer.TryComplete();
        _control.Writer.TryComplete();
        _interrupt.Press();
        _interrupt.Press();
        Task served = Task.WhenAll(shell, control);
        return await Task.WhenAny(served, Task.Delay(_lastCell, CancellationToken.None)).ConfigureAwait(false) == served;
    }

    /// <summary>Sends what is still to be sent and closes the sockets.</summary>
    public void Dispose()
    {
        _sockets.Dispose();
        _interrupt.Dispose();
        _intelligence.Dispose();
    }

    private async Task ServeShellAsync()
    {
        await foreach ((JupyterMessage request, long number) in _shell.Reader.ReadAllAsync().ConfigureAwait(false))
        {
            if (!_shutdown.Task.IsCompleted)
            {
                await AnswerAsync(request, _sockets.ReplyOnShell, () => AnswerShellAsync(request, number)).ConfigureAwait(false);
            }
        }
    }

    private async Task ServeControlAsync()
    {
        await foreach (JupyterMessage request in _control.Reader.ReadAllAsync().ConfigureAwait(false))
        {
            await AnswerAsync(request, _sockets.ReplyOnControl, () => Task.FromResult(AnswerAnywhere(request))).ConfigureAwait(false);
        }
    }

    // Every request is framed by busy and idle; a failure while answering is itself the answer.
    private async Task AnswerAsync(JupyterMessage request, Action<JupyterMessage, JsonObject> reply, Func<Task<JsonObject?>> answer)
    {
        PublishState("busy", request);
        try
        {
            if (await answer().ConfigureAwait(false) is { } content)
            {
                reply(request, content);
            }
        }
        catch (Exception e)
        {
            if (e is not ApertureException)
            {
                _log($"{request.Type} failed: {e}");
            }

            reply(request, Failure(new CellError(e.GetType().Name, e.Message, [e.Message])));
        }

        PublishState("idle", request);
    }

    private async Task<JsonObject?> AnswerShellAsync(JupyterMessage request, long number)
    {
        if (request.Type != "execute_request")
        {
            return await _answers.AnswerAsync(request).ConfigureAwait(false) ?? AnswerAnywhere(request);
        }

        if (number <= _abortedUpTo)
        {
            return new JsonObject { ["status"] = "aborted", ["execution_count"] = _execution.Count };
        }

        (JsonObject content, bool failed) = await _execution.RunAsync(request).ConfigureAwait(false);
        if (failed && request.Flag("stop_on_error", true))
        {
            _abortedUpTo = Interlocked.Read(ref _received); // Cells that were sent before the client could know of the failure.
        }

        return content;
    }

    private JsonObject? AnswerAnywhere(JupyterMessage request)
    {
        switch (request.Type)
        {
            case "kernel_info_request":
                return KernelAnswers.Information();
            case "interrupt_request":
                _interrupt.Press();
                return new JsonObject { ["status"] = "ok" };
            case "shutdown_request":
                JsonObject content = new() { ["status"] = "ok", ["restart"] = request.Flag("restart", false) };
                _sockets.Publish("shutdown_reply", (JsonObject)content.DeepClone(), request.Header);
                _shutdown.TrySetResult();
                return content;
            case "comm_open":
                // There are no targets; the protocol wants the comm closed at once.
                _sockets.Publish("comm_close", new JsonObject { ["comm_id"] = request.Text("comm_id"), ["data"] = new JsonObject() }, request.Header);
                return null;
            case "comm_msg" or "comm_close":
                return null;
            default:
                _log($"A message of unknown type '{request.Type}' was ignored.");
                return null;
        }
    }

    private void PublishState(string state, JupyterMessage request)
        => _sockets.Publish("status", new JsonObject { ["execution_state"] = state }, request.Header);

    private static JsonObject Failure(CellError error)
    {
        JsonObject content = PublishedOutput.ToJson(error);
        content["status"] = "error";
        return content;
    }
}
