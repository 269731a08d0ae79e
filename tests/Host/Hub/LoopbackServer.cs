using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Aperture.Host.Tests.Hub;

/// <summary>A small HTTP/1.1 server on loopback whose answers may be as wrong as a test needs: one request a connection.</summary>
internal sealed class LoopbackServer : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly Func<Request, Reply> _handler;
    private readonly CancellationTokenSource _stop = new(); // Connections still use its token after Dispose, which may come twice.
    private readonly List<Request> _requests = [];

    public LoopbackServer(Func<Request, Reply> handler)
    {
        _handler = handler;
        _listener.Start();
        _ = AcceptAsync();
    }

    public string Address => $"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";

    public IReadOnlyList<Request> Requests
    {
        get
        {
            lock (_requests)
            {
                return [.. _requests];
            }
        }
    }

    public void Dispose()
    {
        _stop.Cancel();
        _listener.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                TcpClient client = await _listener.AcceptTcpClientAsync(_stop.Token);
                _ = ServeAsync(client, _stop.Token);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException or SocketException)
        {
            // Disposed.
        }
    }

    private async Task ServeAsync(TcpClient client, CancellationToken stop)
    {
        try
        {
            using (client)
            {
                NetworkStream stream = client.GetStream();
                if (await ReadRequestAsync(stream) is not { } request)
                {
                    return;
                }

                lock (_requests)
                {
                    _requests.Add(request);
                }

                Reply reply = _handler(request);
                await WriteAsync(stream, request, reply, stop);
            }
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            // The client went away, as clients do.
        }
    }

    private static async Task<Request?> ReadRequestAsync(NetworkStream stream)
    {
        StringBuilder text = new();
        byte[] one = new byte[1];
        while (!text.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            if (await stream.ReadAsync(one) == 0)
            {
                return null;
            }

            text.Append((char)one[0]);
        }

        string[] lines = text.ToString().Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        string[] first = lines[0].Split(' ');
        Dictionary<string, string> headers = lines.Skip(1).Select(l => l.Split(": ", 2)).ToDictionary(p => p[0], p => p[1], StringComparer.OrdinalIgnoreCase);
        return new Request(first[0], first[1], headers);
    }

    private static async Task WriteAsync(NetworkStream stream, Request request, Reply reply, CancellationToken stop)
    {
        StringBuilder head = new($"HTTP/1.1 {reply.Status} Test\r\nConnection: close\r\n");
        foreach ((string name, string value) in reply.Headers)
        {
            head.Append(name).Append(": ").Append(value).Append("\r\n");
        }

        if (!reply.Headers.ContainsKey("Content-Length"))
        {
            head.Append("Content-Length: ").Append(reply.Body.Length).Append("\r\n");
        }

        await stream.WriteAsync(Encoding.ASCII.GetBytes(head.Append("\r\n").ToString()), stop);
        if (request.Method != "HEAD")
        {
            await stream.WriteAsync(reply.Body.AsMemory(0, Math.Min(reply.Body.Length, reply.BreakAfter ?? int.MaxValue)), stop);
        }

        if (reply.Hangs)
        {
            await Task.Delay(Timeout.Infinite, stop);
        }
    }

    internal sealed record Request(string Method, string Path, IReadOnlyDictionary<string, string> Headers)
    {
        public string? Header(string name) => Headers.TryGetValue(name, out string? value) ? value : null;

        /// <summary>The first byte that is asked for.</summary>
        public long From => Header("Range") is { } range ? long.Parse(range["bytes=".Length..].TrimEnd('-')) : 0;
    }

    internal sealed record Reply(int Status, byte[] Body)
    {
        public Dictionary<string, string> Headers { get; init; } = [];

        /// <summary>Close the connection after so many bytes of the body.</summary>
        public int? BreakAfter { get; init; }

        /// <summary>Never close the connection.</summary>
        public bool Hangs { get; init; }
    }
}
