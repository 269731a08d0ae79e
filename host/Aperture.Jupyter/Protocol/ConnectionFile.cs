using System.Net;
using System.Text;
using System.Text.Json;
using Aperture.Files;
using Aperture.Pipelines;

namespace Aperture.Jupyter;

/// <summary>Where a kernel listens and what signs its messages, as a client wrote it into a connection file.</summary>
/// <param name="Address">The address to listen on.</param>
/// <param name="Key">The key of the signatures; empty for unsigned messages.</param>
/// <param name="ShellPort">Requests.</param>
/// <param name="ControlPort">Requests that overtake: interrupt and shutdown.</param>
/// <param name="IopubPort">Everything that is published.</param>
/// <param name="StdinPort">Questions to the user.</param>
/// <param name="HeartbeatPort">Echo.</param>
public sealed record ConnectionFile(IPAddress Address, byte[] Key, int ShellPort, int ControlPort, int IopubPort, int StdinPort, int HeartbeatPort)
{
    private const int MaxBytes = 64 * 1024;

    /// <summary>Reads a connection file.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="ApertureException">It cannot be read, or names a transport or signature scheme that is not TCP and HMAC-SHA256.</exception>
    public static ConnectionFile Read(string path)
    {
        try
        {
            using FileStream stream = InputFile.Open(path);
            if (stream.Length > MaxBytes)
            {
                throw new ApertureException($"The connection file '{path}' has {stream.Length} bytes, more than {MaxBytes}: it is no connection file.");
            }

            byte[] bytes = new byte[stream.Length];
            stream.ReadExactly(bytes);
            using JsonDocument document = JsonText.Parse(bytes);
            return Parse(document.RootElement, path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ApertureException($"The connection file '{path}' cannot be read: {e.Message}", e);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new ApertureException($"The connection file '{path}' is not valid JSON of the expected shape: {e.Message}", e);
        }
    }

    /// <summary>The endpoint of a port, in ZeroMQ's notation.</summary>
    /// <param name="port">The port.</param>
    public string Endpoint(int port) => $"tcp://{Address}:{port}";

    private static ConnectionFile Parse(JsonElement root, string path)
    {
        string Text(string name, string fallback)
            => root.ValueKind == JsonValueKind.Object && root.TryGetProperty(name, out JsonElement value) ? value.GetString() ?? fallback : fallback;

        int Port(string name)
            => root.ValueKind == JsonValueKind.Object
                && root.TryGetProperty(name, out JsonElement value)
                && value.ValueKind == JsonValueKind.Number
                && value.TryGetInt32(out int port)
                && port is > 0 and < 65536
                ? port
                : throw new ApertureException($"The connection file '{path}' needs '{name}', a port number.");

        if (Text("transport", "tcp") is not "tcp" and var transport)
        {
            throw new ApertureException($"The connection file '{path}' asks for the transport '{transport}'; only tcp is supported.");
        }

        byte[] key = Encoding.UTF8.GetBytes(Text("key", ""));
        if (key.Length > 0 && Text("signature_scheme", "hmac-sha256") is not "hmac-sha256" and var scheme)
        {
            throw new ApertureException($"The connection file '{path}' asks for the signature scheme '{scheme}'; only hmac-sha256 is supported.");
        }

        if (!IPAddress.TryParse(Text("ip", "127.0.0.1"), out IPAddress? address))
        {
            throw new ApertureException($"The connection file '{path}' has the address '{Text("ip", "")}'; give an IP address such as 127.0.0.1.");
        }

        return new ConnectionFile(address, key, Port("shell_port"), Port("control_port"), Port("iopub_port"), Port("stdin_port"), Port("hb_port"));
    }
}
