using System.Text.Json;
using System.Text.Unicode;
using Aperture.Pipelines;
using NetMQ;

namespace Aperture.Jupyter;

/// <summary>
/// Turns frames into a message, or says why they are none. What arrives may come from anyone who can reach the port; nothing of it is used before its signature
/// is checked.
/// </summary>
/// <param name="signature">Checks signatures.</param>
internal sealed class MessageReader(MessageSignature signature)
{
    /// <summary>The most bytes of a message, and of one frame; the socket drops a peer that sends more in a frame.</summary>
    public const int MaxBytes = 64 * 1024 * 1024;

    private const int MaxFrames = 64;
    private const int SignedFrames = 4;
    private static readonly byte[] _delimiter = "<IDS|MSG>"u8.ToArray();
    private readonly SeenSignatures _seen = new();
    private static readonly JsonDocumentOptions _json = new() { MaxDepth = 64, AllowDuplicateProperties = false };

    /// <summary>Reads a message.</summary>
    /// <param name="frames">The frames as they came.</param>
    /// <param name="reason">Why there is none; null if there is one.</param>
    public JupyterMessage? Read(NetMQMessage frames, out string? reason)
    {
        reason = Refuse(frames, out int delimiter);
        if (reason is not null)
        {
            return null;
        }

        byte[] mac = frames[delimiter + 1].ToByteArray();
        byte[][] parts = [.. Enumerable.Range(delimiter + 2, SignedFrames).Select(i => frames[i].ToByteArray())];
        if (!signature.Verify(mac, parts))
        {
            reason = "its signature is wrong";
            return null;
        }

        try
        {
            JsonElement header = Parse(parts[0]);
            JsonElement content = Parse(parts[3]);
            if (header.ValueKind != JsonValueKind.Object || content.ValueKind != JsonValueKind.Object)
            {
                reason = "header or content is no object";
                return null;
            }

            if (!header.TryGetProperty("msg_type", out JsonElement type)
                || type.ValueKind != JsonValueKind.String
                || type.GetString() is not { Length: > 0 and < 100 } name)
            {
                reason = "its header has no message type";
                return null;
            }

            if (signature.Signs && !_seen.Add(mac))
            {
                reason = "it came before: its signature is known";
                return null;
            }

            return new JupyterMessage([.. Enumerable.Range(0, delimiter).Select(i => frames[i].ToByteArray())], name, parts[0], content);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: a string with half a surrogate pair, which JSON allows and text does not.
            reason = "it is not JSON: " + e.Message;
            return null;
        }
    }

    private static string? Refuse(NetMQMessage frames, out int delimiter)
    {
        delimiter = -1;
        if (frames.FrameCount > MaxFrames)
        {
            return $"it has {frames.FrameCount} frames";
        }

        long bytes = frames.Sum(frame => (long)frame.MessageSize);
        if (bytes > MaxBytes)
        {
            return $"it has {bytes} bytes, more than {MaxBytes}";
        }

        for (int i = 0; i < frames.FrameCount && delimiter < 0; i++)
        {
            if (frames[i].MessageSize == _delimiter.Length && frames[i].ToByteArray().AsSpan().SequenceEqual(_delimiter))
            {
                delimiter = i;
            }
        }

        if (delimiter < 0)
        {
            return "it has no delimiter frame";
        }

        return frames.FrameCount < delimiter + 2 + SignedFrames ? "frames are missing" : null;
    }

    private static JsonElement Parse(byte[] frame)
    {
        if (!Utf8.IsValid(frame))
        {
            throw new JsonException("a frame is not UTF-8");
        }

        using JsonDocument document = JsonDocument.Parse(frame, _json);
        return document.RootElement.Clone();
    }
}
