using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using NetMQ;

namespace Aperture.Jupyter;

/// <summary>Makes the frames of an answer or a published message.</summary>
/// <param name="signature">Signs them.</param>
internal sealed class MessageWriter(MessageSignature signature)
{
    /// <summary>The version of the messaging protocol that the kernel speaks.</summary>
    public const string ProtocolVersion = "5.3";

    private static readonly JsonSerializerOptions _json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private readonly string _session = Guid.NewGuid().ToString("N");

    /// <summary>Makes a message.</summary>
    /// <param name="prefix">Routing frames of an answer, or the topic of a published message.</param>
    /// <param name="type">The message type.</param>
    /// <param name="content">The content.</param>
    /// <param name="parentHeader">The header of the request it belongs to; null for none.</param>
    public NetMQMessage Write(IEnumerable<byte[]> prefix, string type, JsonObject content, byte[]? parentHeader)
    {
        JsonObject header = new()
        {
            ["msg_id"] = Guid.NewGuid().ToString("N"),
            ["session"] = _session,
            ["username"] = "aperture",
            ["date"] = DateTime.UtcNow.ToString("O"),
            ["msg_type"] = type,
            ["version"] = ProtocolVersion,
        };
        byte[][] signed = [Bytes(header), parentHeader ?? "{}"u8.ToArray(), "{}"u8.ToArray(), Bytes(content)];
        NetMQMessage message = new();
        foreach (byte[] frame in prefix)
        {
            message.Append(frame);
        }

        message.Append("<IDS|MSG>");
        message.Append(signature.Sign(signed));
        foreach (byte[] frame in signed)
        {
            message.Append(frame);
        }

        return message;
    }

    private static byte[] Bytes(JsonObject content) => Encoding.UTF8.GetBytes(content.ToJsonString(_json));
}
