using Aperture.Text;

namespace Aperture.Plugins.FlashSloth.Family;

/// <summary>
/// Training conversations as the official code writes them. Chats: the queries' placeholder stands before every "ASSISTANT", with a space before it, also where
/// somebody says that word; answers and their end count. Plain: picture, caption, placeholder and line break; all but picture and placeholder counts.
/// </summary>
/// <param name="template">The template.</param>
/// <param name="queryToken">The id that stands for the queries.</param>
/// <param name="maxLength">The most ids of a text without a picture.</param>
internal sealed class FlashSlothLabels(PromptTemplate template, int queryToken, int maxLength)
{
    /// <summary>Writes a conversation.</summary>
    /// <param name="conversation">The messages; a first one that is not the user's is left out.</param>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="hasImage">Whether it shows a picture.</param>
    /// <exception cref="ApertureException">The conversation does not suit the template.</exception>
    public TrainingSample Create(IReadOnlyList<TrainingMessage> conversation, ITokenizer tokenizer, bool hasImage)
    {
        if (conversation.Count == 0)
        {
            throw new ApertureException("A training conversation has no messages; leave it out of the data.");
        }

        return template.Style == PromptStyle.Plain ? Caption(conversation, tokenizer) : Chat(conversation, tokenizer, hasImage);
    }

    private TrainingSample Caption(IReadOnlyList<TrainingMessage> conversation, ITokenizer tokenizer)
    {
        if (conversation.Count != 2 || !conversation[0].Value.Contains(ImagePrompts.Placeholder, StringComparison.Ordinal))
        {
            throw new ApertureException("The plain template takes a picture and one caption; use the template phi2 for conversations.");
        }

        int[] ids = ImagePrompts.Encode(ImagePrompts.Placeholder + conversation[1].Value + FlashSlothComposer.Placeholder + template.Separator, tokenizer);
        int[] labels = [.. ids.Select(id => id == queryToken || id == ImagePrompts.ImageId ? TrainingLabels.Ignored : id)];
        return new TrainingSample(ids, labels, [.. conversation.Select(message => message.Value)], Mismatch: false);
    }

    private TrainingSample Chat(IReadOnlyList<TrainingMessage> conversation, ITokenizer tokenizer, bool hasImage)
    {
        IReadOnlyList<TrainingMessage> messages = hasImage ? TrainingLabels.PlaceImages(conversation, template) : conversation;
        IReadOnlyList<TrainingMessage> spoken = messages[0].IsUser ? messages : [.. messages.Skip(1)];
        for (int i = 0; i < spoken.Count; i++)
        {
            if (spoken[i].IsUser != (i % 2 == 0))
            {
                throw new ApertureException($"Message {i + 1} of a training conversation is from '{spoken[i].From}'; user and model must take turns.");
            }
        }

        List<PromptTurn> turns = [];
        for (int i = 0; i < spoken.Count; i += 2)
        {
            turns.Add(new PromptTurn(spoken[i].Value, i + 1 < spoken.Count ? spoken[i + 1].Value : null));
        }

        string role = template.AssistantRole;
        string prompt = template.Render(turns).Replace(role, $"{FlashSlothComposer.Placeholder} {role}", StringComparison.Ordinal);
        int[] Encoded(string text) => hasImage ? ImagePrompts.Encode(text, tokenizer) : Cut(tokenizer.Encode(text));
        int[] ids = Encoded(prompt), labels = (int[])ids.Clone();
        int? pad = tokenizer.PadId ?? tokenizer.UnknownId;
        int total = ids.Count(id => id != pad), at = 0;
        string mark = $"{template.Separator}{role}: ";
        foreach (string round in prompt.Split(template.Separator2!).TakeWhile(round => round.Length > 0))
        {
            string[] parts = round.Split(mark);
            if (parts.Length != 2)
            {
                break;
            }

            // The round's end token counts; the space behind the colon is the answer's.
            Mask(labels, at, at + Encoded(parts[0] + mark).Length - 1);
            at += Encoded(round).Length + 1;
        }

        Mask(labels, at, labels.Length);
        bool mismatch = at < maxLength && at != total;
        labels = mismatch ? [.. labels.Select(_ => TrainingLabels.Ignored)] : [.. labels.Select(id => id == queryToken ? TrainingLabels.Ignored : id)];
        return new TrainingSample(ids, labels, [.. messages.Select(message => message.Value)], mismatch);
    }

    private int[] Cut(int[] ids) => ids.Length <= maxLength ? ids : ids[..maxLength];

    private static void Mask(int[] labels, int start, int end)
    {
        start = Math.Clamp(start, 0, labels.Length);
        end = Math.Clamp(end, start, labels.Length);
        labels.AsSpan(start, end - start).Fill(TrainingLabels.Ignored);
    }
}
