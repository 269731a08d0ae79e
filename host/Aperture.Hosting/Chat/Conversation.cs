using Aperture.Images;
using Aperture.Models;
using Aperture.Pipelines;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;

namespace Aperture.Hosting.Chat;

/// <summary>Turns messages of a chat client into a conversation: an optional system message, then user and assistant in turns.</summary>
internal static class Conversation
{
    /// <summary>The conversation. What one side says in several messages after each other is one message of it.</summary>
    /// <exception cref="ApertureException">There is no message, a tool's, or content that is neither text nor a picture.</exception>
    public static IReadOnlyList<Message> Of(IEnumerable<ChatMessage> messages, ChatOptions? options, ILogger? log)
    {
        ArgumentNullException.ThrowIfNull(messages);
        ChatMessage[] all = [.. messages];
        if (all.Length == 0)
        {
            throw new ApertureException("The conversation has no message; give at least the user's question.");
        }

        string[] instructions =
        [
            .. new[] { options?.Instructions }.OfType<string>(), .. all.Where(message => message.Role == ChatRole.System).Select(message => message.Text),
        ];
        List<Message> turns = instructions.Length > 0 ? [Message.System(string.Join('\n', instructions))] : [];
        foreach (ChatMessage message in all.Where(message => message.Role != ChatRole.System))
        {
            Message turn = TurnOf(message, log);
            if (turns.Count > 0 && turns[^1].Role == turn.Role)
            {
                Message before = turns[^1];
                string[] texts = [before.Text, turn.Text];
                turns[^1] = new Message(turn.Role, string.Join('\n', texts.Where(text => text.Length > 0)), [.. before.Images, .. turn.Images]);
            }
            else
            {
                turns.Add(turn);
            }
        }

        return turns;
    }

    private static Message TurnOf(ChatMessage message, ILogger? log)
    {
        PromptRole role = message.Role == ChatRole.User ? PromptRole.User
            : message.Role == ChatRole.Assistant ? PromptRole.Assistant
            : throw new ApertureException($"A message of the role '{message.Role}' cannot be asked; these models take those of system, user and assistant.");
        List<Image> pictures = [];
        List<string> ignored = [];
        foreach (AIContent content in message.Contents)
        {
            switch (content)
            {
                case TextContent:
                    break;
                case DataContent data when data.HasTopLevelMediaType("image"):
                    pictures.Add(Image.Decode(data.Data.Span, data.Name ?? "(a picture of the conversation)"));
                    break;
                case UriContent { Uri: { IsAbsoluteUri: true, IsFile: true } file } uri when uri.HasTopLevelMediaType("image"):
                    pictures.Add(Image.Load(file.LocalPath));
                    break;
                case DataContent data:
                    throw new ApertureException($"Content of the type '{data.MediaType}' cannot be shown; these models take text and pictures (image/…).");
                case UriContent uri:
                    throw new ApertureException($"'{uri.Uri}' ({uri.MediaType}) cannot be shown; give a picture as DataContent, or the file: address of one.");
                default:
                    ignored.Add(content.GetType().Name);
                    break;
            }
        }

        if (log is not null && ignored.Count > 0)
        {
            EngineLog.Ignored(log, $"Content of a message of {message.Role}", string.Join(", ", ignored.Distinct()));
        }

        return new Message(role, message.Text, pictures);
    }
}
