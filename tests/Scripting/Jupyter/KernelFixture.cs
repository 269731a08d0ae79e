using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Aperture.Jupyter;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Scripting;
using NetMQ;
using NetMQ.Sockets;

namespace Aperture.Scripting.Tests.Jupyter;

/// <summary>A kernel in this process and a client that speaks the protocol by hand.</summary>
internal sealed class KernelFixture : IDisposable
{
    private static readonly TimeSpan _limit = TimeSpan.FromSeconds(120);
    private readonly CancellationTokenSource _end = new();
    private readonly ScriptSession _session;
    private readonly JupyterKernel _kernel;
    private readonly Dictionary<string, NetMQSocket> _sockets = [];
    private readonly MessageSignature _signature;

    public KernelFixture(string key = "a secret", TimeSpan? patience = null)
    {
        int[] ports = FreePorts(5);
        Connection = new ConnectionFile(IPAddress.Loopback, Encoding.UTF8.GetBytes(key), ports[0], ports[1], ports[2], ports[3], ports[4]);
        _signature = new MessageSignature(Connection.Key);
        CellDisplay display = new();
        Globals = new KernelGlobals(display);
        _session = new ScriptSession(typeof(KernelGlobals), Globals, new ScriptSessionOptions { CacheFolder = null });
        _kernel = new JupyterKernel(
            Connection, _session, display, new KernelOptions { InterruptPatience = patience ?? TimeSpan.FromSeconds(3), Log = Dropped.Add });
        Running = _kernel.RunAsync(_end.Token);
        Connect("shell", new DealerSocket(), Connection.ShellPort);
        Connect("stdin", new DealerSocket(), Connection.StdinPort); // Under the same identity, by which the kernel finds it.
        Connect("control", new DealerSocket(), Connection.ControlPort);
        Connect("heartbeat", new RequestSocket(), Connection.HeartbeatPort);
        SubscriberSocket published = new();
        published.SubscribeToAnyTopic();
        Connect("iopub", published, Connection.IopubPort);
        AwaitSubscription();
    }

    public ConnectionFile Connection { get; }

    public KernelGlobals Globals { get; }

    public MessageLog Dropped { get; } = new();

    public Task Running { get; }

    public NetMQSocket this[string channel] => _sockets[channel];

    /// <summary>Sends a request and returns its message id.</summary>
    public string Send(string channel, string type, JsonObject? content = null)
    {
        string id = Guid.NewGuid().ToString("N");
        byte[][] parts = Parts(type, content ?? [], id);
        SendFrames(channel, ["<IDS|MSG>"u8.ToArray(), _signature.Sign(parts), .. parts]);
        return id;
    }

    public void SendFrames(string channel, IEnumerable<byte[]> frames) => _sockets[channel].SendMultipartMessage(new NetMQMessage(frames));

    public static byte[][] Parts(string type, JsonObject content, string id = "id") =>
    [
        Encoding.UTF8.GetBytes(
            new JsonObject
            {
                ["msg_id"] = id,
                ["msg_type"] = type,
                ["session"] = "test",
                ["username"] = "test",
                ["date"] = "2026-01-01T00:00:00Z",
                ["version"] = "5.3",
            }.ToJsonString()),
        "{}"u8.ToArray(),
        "{}"u8.ToArray(),
        Encoding.UTF8.GetBytes(content.ToJsonString()),
    ];

    public byte[] Sign(byte[][] parts) => _signature.Sign(parts);

    /// <summary>The next message of a channel; its signature is checked.</summary>
    public Received Receive(string channel)
    {
        NetMQMessage? frames = null;
        if (!_sockets[channel].TryReceiveMultipartMessage(_limit, ref frames))
        {
            throw new TimeoutException($"Nothing came on {channel}.");
        }

        int at = Enumerable.Range(0, frames!.FrameCount).First(i => frames[i].ConvertToString() == "<IDS|MSG>");
        byte[][] parts = [.. Enumerable.Range(at + 2, 4).Select(i => frames[i].ToByteArray())];
        Assert.Equal(Encoding.ASCII.GetString(_signature.Sign(parts)), frames[at + 1].ConvertToString());
        JsonElement header = Element(parts[0]), parent = Element(parts[1]);
        return new Received(
            header.GetProperty("msg_type").GetString()!, parent.TryGetProperty("msg_id", out JsonElement id) ? id.GetString() : null, Element(parts[3]));
    }

    /// <summary>The reply to a request.</summary>
    public JsonElement Ask(string channel, string type, JsonObject? content = null)
    {
        string id = Send(channel, type, content);
        Received reply = Receive(channel);
        Assert.Equal(id, reply.Parent);
        Assert.Equal(type.Replace("_request", "_reply"), reply.Type);
        return reply.Content;
    }

    /// <summary>Everything that is published for a request, up to its idle.</summary>
    public List<Received> Published(string id)
    {
        List<Received> all = [];
        while (all is not [.., { Type: "status" } last] || last.Content.GetProperty("execution_state").GetString() != "idle")
        {
            if (Receive("iopub") is { } message && message.Parent == id)
            {
                all.Add(message);
            }
        }

        return all;
    }

    /// <summary>Runs a cell.</summary>
    public (JsonElement Reply, List<Received> Published) Run(string code, JsonObject? more = null)
    {
        string id = Execute(code, more);
        Received reply = Receive("shell");
        Assert.Equal(("execute_reply", id), (reply.Type, reply.Parent));
        return (reply.Content, Published(id));
    }

    public string Execute(string code, JsonObject? more = null)
    {
        JsonObject content = more ?? [];
        content["code"] = code;
        return Send("shell", "execute_request", content);
    }

    /// <summary>Waits until a cell has called <c>Started.SetResult()</c>.</summary>
    public void AwaitStart() => Assert.True(Globals.Started.Task.Wait(_limit));

    public void Dispose()
    {
        _end.Cancel();
        Running.Wait(_limit);
        _kernel.Dispose();
        _session.Dispose();
        foreach (NetMQSocket socket in _sockets.Values)
        {
            socket.Dispose();
        }
    }

    private void Connect(string channel, NetMQSocket socket, int port)
    {
        socket.Options.Linger = TimeSpan.Zero;
        socket.Options.Identity = Encoding.UTF8.GetBytes("test client");
        socket.Connect(Connection.Endpoint(port));
        _sockets[channel] = socket;
    }

    // A subscription takes a moment to arrive: what is published before is lost, as it is for every client.
    private void AwaitSubscription()
    {
        NetMQMessage? frames = null;
        do
        {
            Ask("shell", "kernel_info_request");
        }
        while (!_sockets["iopub"].TryReceiveMultipartMessage(TimeSpan.FromMilliseconds(50), ref frames));
    }

    private static JsonElement Element(byte[] json) => JsonDocument.Parse(json).RootElement;

    private static int[] FreePorts(int count)
    {
        TcpListener[] listeners = [.. Enumerable.Range(0, count).Select(_ => new TcpListener(IPAddress.Loopback, 0))];
        foreach (TcpListener listener in listeners)
        {
            listener.Start();
        }

        int[] ports = [.. listeners.Select(l => ((IPEndPoint)l.LocalEndpoint).Port)];
        foreach (TcpListener listener in listeners)
        {
            listener.Stop();
        }

        return ports;
    }
}

/// <summary>A message as the client got it.</summary>
internal sealed record Received(string Type, string? Parent, JsonElement Content);

/// <summary>What the kernel logged.</summary>
internal sealed class MessageLog
{
    private readonly List<string> _messages = [];

    public string[] Messages
    {
        get
        {
            lock (_messages)
            {
                return [.. _messages];
            }
        }
    }

    public void Add(string message)
    {
        lock (_messages)
        {
            _messages.Add(message);
        }
    }
}

/// <summary>What the cells of the tests see.</summary>
public sealed class KernelGlobals(IScriptDisplay display) : ScriptGlobals(display)
{
    public TaskCompletionSource Started { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public int Counter { get; set; }

    /// <summary>A pipeline to ask, where a test has opened one.</summary>
    public Pipeline? Model { get; set; }

    public TextReader Input => ((CellDisplay)Display).StandardInput;

    public TextWriter Error => ((CellDisplay)Display).StandardError;
}
