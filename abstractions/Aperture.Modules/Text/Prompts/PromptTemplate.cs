using System.Text;

namespace Aperture.Text;

/// <summary>
/// A conversation template: what a checkpoint was trained to see around questions and answers. <see cref="PromptTemplates"/> has the published ones.
/// </summary>
public sealed record PromptTemplate
{
    /// <summary>Its name in the official code.</summary>
    public required string Name { get; init; }

    /// <summary>How the parts are joined.</summary>
    public required PromptStyle Style { get; init; }

    /// <summary>What stands around the system message; <c>{system_message}</c> marks its place.</summary>
    public string SystemTemplate { get; init; } = "{system_message}";

    /// <summary>The system message.</summary>
    public string SystemMessage { get; init; } = "";

    /// <summary>The user's role or marker.</summary>
    public required string UserRole { get; init; }

    /// <summary>The model's role or marker.</summary>
    public required string AssistantRole { get; init; }

    /// <summary>The separator.</summary>
    public required string Separator { get; init; }

    /// <summary>The second separator, for styles that have one.</summary>
    public string? Separator2 { get; init; }

    /// <summary>The version name, which picks the rule for training labels.</summary>
    public string Version { get; init; } = "";

    /// <summary>Messages that stand before every conversation, user and model in turn.</summary>
    public IReadOnlyList<string> Examples { get; init; } = [];

    /// <summary>The system text as it stands in the prompt.</summary>
    public string System => SystemTemplate.Replace("{system_message}", SystemMessage, StringComparison.Ordinal);

    /// <summary>Where an answer ends, as the official run scripts choose it; null where only the end token says so.</summary>
    public string? StopString => (Style == PromptStyle.Two ? Separator2 : Separator) is { } stop && stop.Trim().Length > 0 ? stop : null;

    /// <summary>Writes the prompt of a conversation.</summary>
    /// <param name="turns">The exchanges; the last one's answer is null where the model is to go on.</param>
    /// <exception cref="ApertureException">The style cannot hold such a conversation.</exception>
    public string Render(IReadOnlyList<PromptTurn> turns) => RenderMessages(turns.SelectMany(turn => (string?[])[turn.User, turn.Answer]).ToList());

    /// <summary>Writes the prompt of messages, user and model in turn; null or empty ones stay open.</summary>
    internal string RenderMessages(IReadOnlyList<string?> conversation)
    {
        IReadOnlyList<string?> messages = [.. Examples, .. conversation];
        return Style switch
        {
            PromptStyle.Single => Joined(messages, System + Separator, ": ", ":", _ => Separator),
            PromptStyle.Two => Joined(messages, System + Separator, ": ", ":", i => i % 2 == 0 ? Separator : Second(i)),
            PromptStyle.InternVlZh => Joined(messages, System + Second(0), ": ", ":", i => i % 2 == 0 ? Second(i) : Separator),
            PromptStyle.LlavaHf => Joined(messages, "", ": ", ":", _ => Separator),
            PromptStyle.Mpt => Joined(messages, System + Separator, "", "", _ => Separator),
            PromptStyle.Llama3
                => Joined(messages, System + Separator, "", "", i => i == messages.Count - 1 && i % 2 == 1 && Separator2 is not null ? Separator2 : Separator),
            PromptStyle.Qwen2 => Joined(messages, System + Second(0), "", "", Second),
            PromptStyle.Phi3 => Joined(messages, System, "", "", i => Second(i) + (i < messages.Count - 1 ? "\n" : "")),
            PromptStyle.Plain
                => string.Concat(messages.Select((message, i) => string.IsNullOrEmpty(message) ? "" : message + (i % 2 == 0 ? Separator : Second(i)))),
            PromptStyle.Llama2 => Instructions(messages),
            _ => throw new InvalidOperationException($"The template '{Name}' has the unknown style {Style}."),
        };
    }

    private string Second(int message) => Separator2
        ?? throw new ApertureException(
            $"The template '{Name}' has no separator behind message {message + 1}: it holds one text without an answer; use a chat template such as "
            + "'vicuna_v1'.");

    private string Joined(IReadOnlyList<string?> messages, string start, string link, string openLink, Func<int, string> separator)
    {
        StringBuilder prompt = new(start);
        for (int i = 0; i < messages.Count; i++)
        {
            prompt.Append(i % 2 == 0 ? UserRole : AssistantRole);
            if (string.IsNullOrEmpty(messages[i]))
            {
                prompt.Append(openLink);
            }
            else
            {
                prompt.Append(link).Append(messages[i]).Append(separator(i));
            }
        }

        return prompt.ToString();
    }

    private string Instructions(IReadOnlyList<string?> messages)
    {
        if (messages.Count == 0 || string.IsNullOrEmpty(messages[0]))
        {
            throw new ApertureException($"The template '{Name}' needs a question in its first turn; it is empty.");
        }

        StringBuilder prompt = new();
        for (int i = 0; i < messages.Count; i++)
        {
            if (string.IsNullOrEmpty(messages[i]))
            {
                continue;
            }

            if (i % 2 == 1)
            {
                prompt.Append(' ').Append(messages[i]).Append(' ').Append(Second(i));
                continue;
            }

            string system = i == 0 && System.Length > 0 ? $"<<SYS>>\n{System}\n<</SYS>>\n\n" : "";
            prompt.Append(Separator).Append("[INST] ").Append(system).Append(messages[i]).Append(" [/INST]");
        }

        // The official code strips the separator's characters, not the separator, from the front.
        return Separator.Length == 0 ? prompt.ToString() : prompt.ToString().TrimStart(Separator.ToCharArray());
    }
}
