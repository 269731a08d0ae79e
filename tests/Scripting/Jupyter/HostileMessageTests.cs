using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Aperture.Scripting.Tests.Jupyter;

/// <summary>Whatever comes in, the kernel drops it, says why, and answers the next good request.</summary>
public class HostileMessageTests
{
    private static readonly byte[] _delimiter = "<IDS|MSG>"u8.ToArray();

    public static TheoryData<string, string> Messages => new()
    {
        { "wrong signature", "its signature is wrong" },
        { "signature of another key", "its signature is wrong" },
        { "no signature", "its signature is wrong" },
        { "signature that is no text", "its signature is wrong" },
        { "changed content", "its signature is wrong" },
        { "missing frames", "frames are missing" },
        { "no delimiter", "it has no delimiter frame" },
        { "one empty frame", "it has no delimiter frame" },
        { "too many frames", "it has 100 frames" },
        { "no JSON", "it is not JSON" },
        { "half a surrogate as type", "it is not JSON" },
        { "broken UTF-8", "it is not JSON" },
        { "nested without end", "it is not JSON" },
        { "a key twice", "it is not JSON" },
        { "content is a list", "header or content is no object" },
        { "no type", "its header has no message type" },
        { "type is a number", "its header has no message type" },
        { "100 MB in two frames", "bytes, more than" },
    };

    [Theory]
    [MemberData(nameof(Messages))]
    public void A_bad_message_is_dropped_with_its_reason(string kind, string reason)
    {
        using KernelFixture f = new();
        f.SendFrames("shell", Frames(f, kind));
        f.SendFrames("control", Frames(f, kind));
        Assert.Equal("ok", f.Ask("shell", "kernel_info_request").GetProperty("status").GetString());
        Assert.Equal("ok", f.Ask("control", "kernel_info_request").GetProperty("status").GetString());
        Assert.Equal(2, f.Dropped.Messages.Count(m => m.Contains(reason)));
    }

    [Fact]
    public void A_message_that_comes_a_second_time_is_dropped()
    {
        using KernelFixture f = new();
        byte[][] parts = KernelFixture.Parts("execute_request", JsonNode.Parse("{\"code\": \"1 + 1\"}")!.AsObject());
        byte[][] frames = [_delimiter, f.Sign(parts), .. parts];
        f.SendFrames("shell", frames);
        Assert.Equal("ok", f.Receive("shell").Content.GetProperty("status").GetString());
        f.SendFrames("shell", frames);
        f.SendFrames("control", frames);
        Assert.Equal("ok", f.Ask("shell", "kernel_info_request").GetProperty("status").GetString());
        Assert.Equal("ok", f.Ask("control", "kernel_info_request").GetProperty("status").GetString());
        Assert.Equal(2, f.Dropped.Messages.Count(m => m.Contains("it came before")));
    }

    [Fact]
    public void A_frame_of_100_MB_is_not_taken_in()
    {
        using KernelFixture f = new();
        byte[][] parts = KernelFixture.Parts("execute_request", []);
        parts[3] = Large(100);
        f.SendFrames("shell", [_delimiter, f.Sign(parts), .. parts]);
        f.SendFrames("heartbeat", [Large(100)]);
        Assert.Equal("ok", Retry(f).GetProperty("status").GetString());
        Assert.DoesNotContain(f.Dropped.Messages, m => m.Contains("Exception"));
    }

    [Fact]
    public void Bytes_that_are_not_of_the_protocol_leave_the_kernel_alone()
    {
        using KernelFixture f = new();
        int[] ports =
        [
            f.Connection.ShellPort, f.Connection.ControlPort, f.Connection.IopubPort, f.Connection.StdinPort, f.Connection.HeartbeatPort,
        ];
        foreach (int port in ports)
        {
            byte[][] hostile =
            [
                "GET / HTTP/1.1\r\n\r\n"u8.ToArray(), [], [0xFF], [.. Enumerable.Repeat((byte)0xFF, 5000)], [0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 0x7F, 3, 0],
            ];
            foreach (byte[] bytes in hostile)
            {
                using TcpClient client = new();
                client.Connect(IPAddress.Loopback, port);
                client.GetStream().Write(bytes);
            }
        }

        Assert.Equal("ok", f.Ask("shell", "kernel_info_request").GetProperty("status").GetString());
        Assert.Contains("execute_result 2", f.Run("1 + 1").Published.Select(KernelProtocolTests.Brief));
    }

    [Theory]
    [InlineData("execute_request", "{}", "execute_request needs 'code'.")]
    [InlineData("execute_request", "{\"code\": 5}", "it must be a string")]
    [InlineData("history_request", "{\"hist_access_type\": \"all\"}", "it must be tail, range or search")]
    [InlineData("history_request", "{}", "history_request needs 'hist_access_type'.")]
    public void A_request_with_wrong_content_gets_an_error_as_answer(string type, string content, string message)
    {
        using KernelFixture f = new();
        JsonElement reply = f.Ask("shell", type, (JsonObject)JsonNode.Parse(content)!);
        Assert.Equal("error", reply.GetProperty("status").GetString());
        Assert.Contains(message, reply.GetProperty("evalue").GetString());
    }

    [Fact]
    public void Half_a_surrogate_pair_as_code_gets_an_error_as_answer()
    {
        using KernelFixture f = new();
        byte[][] parts = KernelFixture.Parts("execute_request", []);
        parts[3] = "{\"code\": \"\\ud800\"}"u8.ToArray();
        f.SendFrames("shell", [_delimiter, f.Sign(parts), .. parts]);
        Assert.Equal("error", f.Receive("shell").Content.GetProperty("status").GetString());
        Assert.Equal("ok", f.Ask("shell", "kernel_info_request").GetProperty("status").GetString());
    }

    [Fact]
    public void A_message_of_unknown_type_is_ignored()
    {
        using KernelFixture f = new();
        f.Send("shell", "make_coffee_request");
        Assert.Equal("ok", f.Ask("shell", "kernel_info_request").GetProperty("status").GetString());
        Assert.Contains("A message of unknown type 'make_coffee_request' was ignored.", f.Dropped.Messages);
    }

    private static IEnumerable<byte[]> Frames(KernelFixture f, string kind)
    {
        byte[][] good = KernelFixture.Parts("execute_request", new JsonObject { ["code"] = "throw new Exception(\"must not run\");" });
        switch (kind)
        {
            case "wrong signature":
                return [_delimiter, Encoding.ASCII.GetBytes(new string('0', 64)), .. good];
            case "signature of another key":
                return [_delimiter, new Aperture.Jupyter.MessageSignature("another"u8.ToArray()).Sign(good), .. good];
            case "no signature":
                return [_delimiter, [], .. good];
            case "signature that is no text":
                return [_delimiter, [0xFF, 0xFE], .. good];
            case "changed content":
                byte[] signature = f.Sign(good);
                good[3] = "{\"code\": \"1\"}"u8.ToArray();
                return [_delimiter, signature, .. good];
            case "missing frames":
                return [_delimiter, f.Sign(good), good[0], good[1]];
            case "no delimiter":
                return good;
            case "one empty frame":
                return [[]];
            case "too many frames":
                return [.. Enumerable.Repeat(Array.Empty<byte>(), 99)];
            case "100 MB in two frames":
                return [_delimiter, Large(50), Large(50)];
            default:
                good[kind is "no type" or "type is a number" or "half a surrogate as type" ? 0 : 3] = Body(kind);
                return [_delimiter, f.Sign(good), .. good];
        }
    }

    private static byte[] Body(string kind) => kind switch
    {
        "no JSON" => "{\"code\": "u8.ToArray(),
        "half a surrogate as type" => "{\"msg_type\": \"\\ud800\"}"u8.ToArray(),
        "broken UTF-8" => [(byte)'{', (byte)'"', 0xC3, 0x28, (byte)'"', (byte)':', (byte)'1', (byte)'}'],
        "nested without end" => [.. Enumerable.Repeat((byte)'[', 100_000)],
        "a key twice" => "{\"code\": \"1\", \"code\": \"2\"}"u8.ToArray(),
        "content is a list" => "[]"u8.ToArray(),
        "no type" => "{\"msg_id\": \"1\"}"u8.ToArray(),
        "type is a number" => "{\"msg_type\": 3}"u8.ToArray(),
        _ => throw new ArgumentException(kind),
    };

    private static byte[] Large(int megabytes) => new byte[megabytes * 1024 * 1024];

    // The socket closes the connection of who sends such a frame; the client's reconnects by itself, and what it sends meanwhile may be lost.
    private static JsonElement Retry(KernelFixture f)
    {
        for (int i = 0; ; i++)
        {
            f.Send("shell", "kernel_info_request");
            NetMQ.NetMQMessage? frames = null;
            if (NetMQ.ReceivingSocketExtensions.TryReceiveMultipartMessage((NetMQ.IReceivingSocket)f["shell"], TimeSpan.FromSeconds(1), ref frames))
            {
                return JsonDocument.Parse(frames.Last.ToByteArray()).RootElement;
            }

            Assert.True(i < 60, "The kernel no longer answers.");
        }
    }
}
