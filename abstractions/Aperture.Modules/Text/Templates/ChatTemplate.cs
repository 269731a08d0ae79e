namespace Aperture.Text;

/// <summary>
/// A conversation as a checkpoint's own chat template writes it. The template is code of others: it sees the conversation and the tokenizer's markers, and
/// nothing else.
/// </summary>
public sealed class ChatTemplate
{
    private const string Probe = "zxq", Answer = "qxz", Second = "xzq";

    private readonly JinjaTemplate _template;
    private readonly ITokenizer? _tokenizer;
    private bool _inParts = true; // whether a message is a list of pictures and texts, or one text

    private ChatTemplate(JinjaTemplate template, ITokenizer? tokenizer) => (_template, _tokenizer) = (template, tokenizer);

    /// <summary>Reads a template and tries it on a question with a picture.</summary>
    /// <param name="text">The template.</param>
    /// <param name="tokenizer">The tokenizer, whose markers the template may write; null without one.</param>
    /// <param name="reason">Why it cannot be used, in a few words; empty where it can.</param>
    /// <returns>The template; null where it cannot be used.</returns>
    public static ChatTemplate? Read(string text, ITokenizer? tokenizer, out string reason)
    {
        try
        {
            ChatTemplate template = new(JinjaTemplate.Parse(text), tokenizer);
            reason = template.Writes(inParts: true) ?? "";
            if (reason.Length > 0 && template.Writes(inParts: false) is null)
            {
                reason = "";
            }

            return reason.Length == 0 ? template : null;
        }
        catch (JinjaException error)
        {
            reason = error.Message;
            return null;
        }
    }

    /// <summary>The published template that writes the same; null where none does.</summary>
    /// <param name="preferred">The one that is named where several do.</param>
    public string? Published(string preferred)
    {
        PromptTurn first = new($"{ImagePrompts.Placeholder}\n{Probe}"), answered = first with { Answer = Answer }, then = new(Second);
        string one = Bare(Render(null, [(Probe, 1, null)])), two = Bare(Render(null, [(Probe, 1, Answer), (Second, 0, null)]));
        return PromptTemplates.All.Values.Where(named => named.Style != PromptStyle.Plain)
            .OrderByDescending(named => named.Name == preferred).ThenBy(named => named.Name, StringComparer.Ordinal)
            .FirstOrDefault(named => Same(named, one, [first]) && Same(named, two, [answered, then]))?.Name;
    }

    /// <summary>Writes a conversation.</summary>
    /// <param name="system">Instructions in front; null for none.</param>
    /// <param name="turns">Questions with their number of pictures, and answers; the last has none.</param>
    /// <returns>The prompt, <c>&lt;image&gt;</c> for each picture.</returns>
    /// <exception cref="ApertureException">The template refuses the conversation, or leaves something of it out.</exception>
    public string Render(string? system, IReadOnlyList<(string Text, int Images, string? Answer)> turns)
    {
        List<object?> messages = [];
        if (system is not null)
        {
            messages.Add(Message("system", system, 0, _inParts));
        }

        foreach ((string text, int images, string? answer) in turns)
        {
            messages.Add(Message("user", text, images, _inParts));
            if (answer is not null)
            {
                messages.Add(Message("assistant", answer, 0, _inParts));
            }
        }

        string prompt;
        try
        {
            prompt = Written(messages);
        }
        catch (JinjaException error)
        {
            throw new ApertureException($"The checkpoint's chat template cannot write this conversation: {error.Message}; choose another (--prompt).", error);
        }

        string[] parts = [.. turns.SelectMany(turn => (string?[])[turn.Text, turn.Answer]).Prepend(system).OfType<string>()];
        if (Array.Find(parts, part => !prompt.Contains(part.Trim(), StringComparison.Ordinal)) is { } lost)
        {
            throw new ApertureException(
                $"The checkpoint's chat template leaves out '{(lost.Length > 60 ? lost[..60] + "…" : lost)}'; choose another (--prompt), or leave it out.");
        }

        return prompt;
    }

    private static bool Same(PromptTemplate named, string text, PromptTurn[] turns)
    {
        try
        {
            return named.Render(turns) == text;
        }
        catch (ApertureException)
        {
            return false; // it has no place for such a conversation
        }
    }

    private static Dictionary<string, object?> Message(string role, string text, int images, bool inParts)
    {
        object content = inParts
            ? (List<object?>)[
                .. Enumerable.Range(0, images).Select(_ => new Dictionary<string, object?> { ["type"] = "image" }),
                new Dictionary<string, object?> { ["type"] = "text", ["text"] = text },
            ]
            : string.Concat(Enumerable.Repeat(ImagePrompts.Placeholder + "\n", images)) + text;
        return new Dictionary<string, object?> { ["role"] = role, ["content"] = content };
    }

    // Null where a question with a picture comes out whole.
    private string? Writes(bool inParts)
    {
        _inParts = inParts;
        try
        {
            string text = Written([Message("user", Probe, 1, inParts)]);
            return !text.Contains(Probe, StringComparison.Ordinal) ? "it leaves the question out"
                : text.Split(ImagePrompts.Placeholder).Length != 2 ? $"it writes no {ImagePrompts.Placeholder} for a picture"
                : null;
        }
        catch (JinjaException error)
        {
            return error.Message;
        }
    }

    private string Written(List<object?> messages)
    {
        string Marker(int? id) => id is { } known ? _tokenizer!.TokenOf(known) ?? "" : "";
        return _template.Render(new Dictionary<string, object?>
        {
            ["messages"] = messages,
            ["add_generation_prompt"] = true,
            ["bos_token"] = Marker(_tokenizer?.BeginId),
            ["eos_token"] = Marker(_tokenizer?.EndId),
            ["pad_token"] = Marker(_tokenizer?.PadId),
            ["unk_token"] = Marker(_tokenizer?.UnknownId),
        });
    }

    // Without the begin token that the tokenizer adds by itself.
    private string Bare(string text)
        => _tokenizer?.BeginId is { } begin && _tokenizer.TokenOf(begin) is { Length: > 0 } marker && _tokenizer.Encode("") is [var first, ..] && first == begin
            && text.StartsWith(marker, StringComparison.Ordinal)
            ? text[marker.Length..]
            : text;
}
