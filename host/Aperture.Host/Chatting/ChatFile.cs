using System.Text.Json;
using Aperture.Files;
using Aperture.Images;
using Aperture.Pipelines;

namespace Aperture.Host.Chatting;

/// <summary>A conversation in writing: the pipeline as <see cref="PipelineSpec"/> writes it, and the messages with the names of their picture files.</summary>
internal static class ChatFile
{
    /// <summary>Writes a chat, whole or not at all.</summary>
    /// <param name="path">The file.</param>
    /// <param name="chat">The chat.</param>
    /// <param name="pictures">The file of each picture.</param>
    /// <returns>The full path.</returns>
    public static string Write(string path, Chat chat, IReadOnlyDictionary<Image, string> pictures)
    {
        using JsonDocument pipeline = JsonDocument.Parse(chat.Pipeline.Spec.ToJson());
        using MemoryStream buffer = new();
        using (Utf8JsonWriter json = new(buffer, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            json.WriteString("format", "aperture-chat");
            json.WriteNumber("version", 1);
            json.WritePropertyName("pipeline");
            pipeline.RootElement.WriteTo(json);
            json.WriteStartArray("messages");
            foreach (Message message in chat.Messages)
            {
                json.WriteStartObject();
                json.WriteString("role", message.Role.ToString().ToLowerInvariant());
                json.WriteString("text", message.Text);
                if (message.Images.Count > 0)
                {
                    json.WriteStartArray("images");
                    foreach (Image image in message.Images)
                    {
                        json.WriteStringValue(pictures[image]);
                    }

                    json.WriteEndArray();
                }

                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        buffer.WriteByte((byte)'\n');
        AtomicFile.Write(path, buffer.ToArray());
        return Path.GetFullPath(path);
    }
}
