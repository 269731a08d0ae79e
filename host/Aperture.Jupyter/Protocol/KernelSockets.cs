using System.Text;
using System.Text.Json.Nodes;
using Aperture.Pipelines;
using NetMQ;
using NetMQ.Sockets;

namespace Aperture.Jupyter;

/// <summary>
/// The five sockets of a kernel. One thread owns them (ZeroMQ sockets belong to one thread): it hands checked requests to <see cref="Shell"/> and
/// <see cref="Control"/>, echoes heartbeats, and sends what other threads queue. It never waits for a request to be answered.
/// </summary>
internal sealed class KernelSockets : IDisposable
{
    private const int MaxQueued = 10_000;
    private const int ReceivedInARow = 100; // Then the other sockets get their turn.
    private static readonly TimeSpan _linger = TimeSpan.FromSeconds(1);
    private readonly RouterSocket _shell = new();
    private readonly RouterSocket _control = new();
    private readonly RouterSocket _stdin = new();
    // Echoes frames as they come: a request socket's envelope comes back whole, and no malformed one can upset it.
    private readonly RouterSocket _heartbeat = new();
    private readonly PublisherSocket _iopub = new();
    private readonly NetMQQueue<(NetMQSocket Socket, NetMQMessage Message)> _outbound = new();
    private readonly NetMQPoller _poller;
    private readonly Thread _thread;
    private readonly MessageReader _reader;
    private readonly MessageWriter _writer;
    private readonly Lock _gate = new();
    private volatile bool _disposed;

    /// <summary>Binds the sockets.</summary>
    /// <exception cref="ApertureException">A port is taken.</exception>
    public KernelSockets(ConnectionFile connection)
    {
        MessageSignature signature = new(connection.Key);
        _reader = new MessageReader(signature);
        _writer = new MessageWriter(signature);
        try
        {
            Bind(_shell, connection.Endpoint(connection.ShellPort));
            Bind(_control, connection.Endpoint(connection.ControlPort));
            Bind(_stdin, connection.Endpoint(connection.StdinPort));
            Bind(_heartbeat, connection.Endpoint(connection.HeartbeatPort));
            Bind(_iopub, connection.Endpoint(connection.IopubPort));
        }
        catch (NetMQException e)
        {
            Close();
            throw new ApertureException(
                $"The kernel cannot listen on {connection.Address}, ports {connection.ShellPort}, {connection.ControlPort}, {connection.IopubPort}, "
                + $"{connection.StdinPort} and {connection.HeartbeatPort}: {e.Message}", e);
        }

        _shell.ReceiveReady += (_, e) => Receive(e.Socket, message => Shell?.Invoke(message));
        _control.ReceiveReady += (_, e) => Receive(e.Socket, message => Control?.Invoke(message));
        _stdin.ReceiveReady += (_, e) => Receive(e.Socket, message => Stdin?.Invoke(message));
        _heartbeat.ReceiveReady += (_, e) => Echo(e.Socket);
        _outbound.ReceiveReady += (_, e) => Send(e.Queue);
        _poller = [_shell, _control, _stdin, _heartbeat, _outbound];
        _thread = new Thread(_poller.Run) { IsBackground = true, Name = "jupyter sockets" };
    }

    /// <summary>Gets requests of the shell channel, on the sockets' thread; must not wait.</summary>
    public Action<JupyterMessage>? Shell { get; set; }

    /// <summary>Gets requests of the control channel, on the sockets' thread; must not wait.</summary>
    public Action<JupyterMessage>? Control { get; set; }

    /// <summary>Gets answers of the user, on the sockets' thread; must not wait.</summary>
    public Action<JupyterMessage>? Stdin { get; set; }

    /// <summary>Told why a message was dropped.</summary>
    public Action<string>? Dropped { get; set; }

    /// <summary>Starts to receive and to send.</summary>
    public void Start() => _thread.Start();

    /// <summary>Publishes a message to every client.</summary>
    public void Publish(string type, JsonObject content, byte[]? parent)
    {
        // A cell that prints faster than the network takes is slowed down instead of filling memory.
        while (_outbound.Count > MaxQueued && !_disposed && Thread.CurrentThread != _thread)
        {
            Thread.Sleep(1);
        }

        Enqueue(_iopub, _writer.Write([Encoding.UTF8.GetBytes(type)], type, content, parent));
    }

    /// <summary>Answers a request of the shell channel.</summary>
    public void ReplyOnShell(JupyterMessage request, JsonObject content)
        => Enqueue(_shell, _writer.Write(request.Identities, request.ReplyType, content, request.Header));

    /// <summary>Answers a request of the control channel.</summary>
    public void ReplyOnControl(JupyterMessage request, JsonObject content)
        => Enqueue(_control, _writer.Write(request.Identities, request.ReplyType, content, request.Header));

    /// <summary>Asks the client of a request for a line of input. Its stdin socket has the identity of its shell socket.</summary>
    public void AskOnStdin(JupyterMessage request, JsonObject content)
        => Enqueue(_stdin, _writer.Write(request.Identities, "input_request", content, request.Header));

    /// <summary>Sends what is queued, then closes the sockets.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
        }

        if (_thread.IsAlive)
        {
            _poller.Stop();
            _thread.Join();
        }

        while (_outbound.TryDequeue(out (NetMQSocket Socket, NetMQMessage Message) item, TimeSpan.Zero))
        {
            item.Socket.TrySendMultipartMessage(_linger, item.Message);
        }

        _poller.Dispose();
        Close();
    }

    private void Close()
    {
        _outbound.Dispose();
        foreach (NetMQSocket socket in new NetMQSocket[] { _shell, _control, _stdin, _heartbeat, _iopub })
        {
            socket.Dispose();
        }
    }

    private static void Bind(NetMQSocket socket, string endpoint)
    {
        socket.Options.MaxMsgSize = MessageReader.MaxBytes;
        socket.Options.Linger = _linger;
        if (socket is RouterSocket)
        {
            socket.Options.RouterHandover = true; // A client that connects again under its old identity takes its place.
        }
        else
        {
            socket.Options.SendHighWatermark = 10 * MaxQueued;
        }

        socket.Bind(endpoint);
    }

    private void Enqueue(NetMQSocket socket, NetMQMessage message)
    {
        lock (_gate)
        {
            if (!_disposed)
            {
                _outbound.Enqueue((socket, message));
            }
        }
    }

    private void Receive(NetMQSocket socket, Action<JupyterMessage> handler)
    {
        NetMQMessage? frames = null;
        for (int i = 0; i < ReceivedInARow && socket.TryReceiveMultipartMessage(TimeSpan.Zero, ref frames); i++)
        {
            if (_reader.Read(frames, out string? reason) is { } message)
            {
                handler(message);
            }
            else
            {
                Dropped?.Invoke(reason!);
            }
        }
    }

    private static void Echo(NetMQSocket socket)
    {
        NetMQMessage? frames = null;
        for (int i = 0; i < ReceivedInARow && socket.TryReceiveMultipartMessage(TimeSpan.Zero, ref frames); i++)
        {
            socket.TrySendMultipartMessage(TimeSpan.Zero, frames);
        }
    }

    private void Send(NetMQQueue<(NetMQSocket Socket, NetMQMessage Message)> queue)
    {
        while (queue.TryDequeue(out (NetMQSocket Socket, NetMQMessage Message) item, TimeSpan.Zero))
        {
            item.Socket.TrySendMultipartMessage(_linger, item.Message);
        }
    }
}
