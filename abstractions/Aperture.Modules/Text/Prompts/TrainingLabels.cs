namespace Aperture.Text;

/// <summary>
/// Turns training conversations into ids and labels as LLaVA's <c>train.py</c> does: the loss counts answers (and what else that code leaves unmasked).
/// The rule is the template's: plain, LLaMA-2, v1 or v0.
/// </summary>
public static class TrainingLabels
{
    /// <summary>The label of an id that the loss leaves out.</summary>
    public const int Ignored = -100;

    /// <summary>Puts the image placeholder in front of its message on a line of its own, with tags around it where the template asks for them.</summary>
    /// <param name="messages">The conversation.</param>
    /// <param name="template">The template.</param>
    public static IReadOnlyList<TrainingMessage> PlaceImages(IReadOnlyList<TrainingMessage> messages, PromptTemplate template) => [.. messages.Select(message =>
    {
        if (!message.Value.Contains(ImagePrompts.Placeholder, StringComparison.Ordinal))
        {
            return message;
        }

        string text = message.Value.Replace(ImagePrompts.Placeholder, "", StringComparison.Ordinal).Trim();
        text = $"{ImagePrompts.Placeholder}\n{text}".Trim();
        return message with
        {
            Value = template.Version.Contains("mmtag", StringComparison.Ordinal)
                ? text.Replace(ImagePrompts.Placeholder, $"<Image>{ImagePrompts.Placeholder}</Image>", StringComparison.Ordinal)
                : text,
        };
    })];

    /// <summary>Encodes a conversation and masks it.</summary>
    /// <param name="conversation">The messages; a first one that is not the user's is left out where the rule demands it.</param>
    /// <param name="template">The template.</param>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="hasImage">Whether the sample has an image.</param>
    /// <param name="maxLength">The most ids that a sample without an image keeps.</param>
    /// <exception cref="ApertureException">The conversation does not suit the template, or the template has no rule.</exception>
    public static TrainingSample Create(
        IReadOnlyList<TrainingMessage> conversation, PromptTemplate template, ITokenizer tokenizer, bool hasImage, int maxLength = int.MaxValue)
    {
        if (conversation.Count == 0)
        {
            throw new ApertureException("A training conversation has no messages; leave it out of the data.");
        }

        IReadOnlyList<TrainingMessage> messages = hasImage ? PlaceImages(conversation, template) : conversation;
        return template switch
        {
            { Style: PromptStyle.Plain } => Plain(messages, template, tokenizer),
            { Style: PromptStyle.Llama2 } => Rounds(messages, template, tokenizer, hasImage, maxLength, "[/INST] ", adjusts: false),
            { Style: PromptStyle.Two } when template.Version.StartsWith("v1", StringComparison.Ordinal)
                => Rounds(messages, template, tokenizer, hasImage, maxLength, $"{template.Separator}{template.AssistantRole}: ", adjusts: true),
            { Style: PromptStyle.Single } => Signals(messages, template, tokenizer, hasImage, maxLength),
            _ => throw new ApertureException($"The template '{template.Name}' has no rule for training labels; use one of style plain, llama_2, v1 or v0."),
        };
    }

    private static TrainingSample Plain(IReadOnlyList<TrainingMessage> messages, PromptTemplate template, ITokenizer tokenizer)
    {
        if (messages.Count != 2 || !messages[0].Value.Contains(ImagePrompts.Placeholder, StringComparison.Ordinal))
        {
            throw new ApertureException(
                $"The template '{template.Name}' takes two messages, the first with {ImagePrompts.Placeholder}; the sample has {messages.Count}.");
        }

        int[] ids = ImagePrompts.Encode(ImagePrompts.Placeholder + messages[1].Value + template.Separator, tokenizer);
        int[] labels = (int[])ids.Clone();
        labels.AsSpan(0, Math.Min(labels.Length, ImagePrompts.Encode(ImagePrompts.Placeholder, tokenizer).Length)).Fill(Ignored);
        return new(ids, labels, [ImagePrompts.Placeholder, messages[1].Value], Mismatch: false);
    }

    /// <summary>Rounds that end with the second separator: all up to the start of the answer is masked.</summary>
    private static TrainingSample Rounds(
        IReadOnlyList<TrainingMessage> messages, PromptTemplate template, ITokenizer tokenizer, bool hasImage, int maxLength, string answerMark, bool adjusts)
    {
        IReadOnlyList<TrainingMessage> spoken = messages[0].IsUser ? messages : [.. messages.Skip(1)];
        for (int i = 0; i < spoken.Count; i++)
        {
            if (spoken[i].IsUser != (i % 2 == 0))
            {
                throw new ApertureException($"Message {i + 1} of a training conversation is from '{spoken[i].From}'; user and model must take turns.");
            }
        }

        string prompt = template.RenderMessages([.. spoken.Select(message => message.Value)]);
        int[] ids = Encode(prompt, tokenizer, hasImage, maxLength);
        int[] labels = (int[])ids.Clone();
        int? pad = tokenizer.PadId ?? tokenizer.UnknownId;
        int total = ids.Count(id => id != pad);
        int adjustment = adjusts && !IsLegacy(tokenizer) ? 1 : 0;
        int length = 1;
        Mask(labels, 0, length);
        string[] rounds = prompt.Split(template.Separator2!);
        for (int i = 0; i < rounds.Length && rounds[i].Length > 0; i++)
        {
            string[] parts = rounds[i].Split(answerMark);
            if (parts.Length != 2)
            {
                break;
            }

            int less = i == 0 ? 0 : adjustment;
            Mask(labels, length, length + Length(parts[0] + answerMark, tokenizer, hasImage) - 2 - less);
            length += Length(rounds[i], tokenizer, hasImage) - less;
        }

        Mask(labels, length, labels.Length);
        bool mismatch = length < maxLength && length != total;
        if (mismatch)
        {
            Mask(labels, 0, labels.Length);
        }

        return new(ids, labels, [.. messages.Select(message => message.Value)], mismatch);
    }

    /// <summary>Messages between <c>### </c> signs: those of the user are masked but for their sign.</summary>
    private static TrainingSample Signals(IReadOnlyList<TrainingMessage> messages, PromptTemplate template, ITokenizer tokenizer, bool hasImage, int maxLength)
    {
        string header = template.System + "\n\n";
        List<string> signed = messages.Select(message => $"### {(message.IsUser ? template.UserRole
            : string.Equals(message.From, "gpt", StringComparison.OrdinalIgnoreCase) ? template.AssistantRole : "unknown")}: {message.Value}\n").ToList();
        int[] ids = Encode(header + string.Concat(signed) + "### ", tokenizer, hasImage, maxLength);
        int[] labels = (int[])ids.Clone();
        int at = Math.Min(maxLength, Length(header, tokenizer, hasImage));
        Mask(labels, 0, at);
        for (int i = 0; i < signed.Count; i++)
        {
            int length = hasImage ? Length(signed[i], tokenizer, hasImage) : Math.Min(maxLength, Length(signed[i], tokenizer, hasImage));
            if (messages[i].From == "human")
            {
                Mask(labels, at + 2, at + length);
            }

            at += length;
        }

        return new(ids, labels, signed, Mismatch: false);
    }

    private static int[] Encode(string prompt, ITokenizer tokenizer, bool hasImage, int maxLength)
    {
        if (hasImage)
        {
            return ImagePrompts.Encode(prompt, tokenizer);
        }

        int[] ids = tokenizer.Encode(prompt);
        return ids.Length <= maxLength ? ids : ids[..maxLength];
    }

    private static int Length(string text, ITokenizer tokenizer, bool hasImage)
        => hasImage ? ImagePrompts.Encode(text, tokenizer).Length : tokenizer.Encode(text).Length;

    /// <summary>Masks a range; what lies outside is nothing, as with slices in Python.</summary>
    private static void Mask(int[] labels, int start, int end)
    {
        start = Math.Clamp(start, 0, labels.Length);
        end = Math.Clamp(end, start, labels.Length);
        labels.AsSpan(start, end - start).Fill(Ignored);
    }

    /// <summary>
    /// Whether text after a special token is encoded as at the start of a text, which is what the official code asks its tokenizer's legacy flag for.
    /// </summary>
    private static bool IsLegacy(ITokenizer tokenizer)
    {
        string? end = tokenizer.EndId is { } id ? tokenizer.TokenOf(id) : null;
        return end is null || tokenizer.Encode(end + "a", addSpecialTokens: false).AsSpan(1).SequenceEqual(tokenizer.Encode("a", addSpecialTokens: false));
    }
}
