using Aperture;
using Aperture.Measuring;
using Aperture.Models;
using Aperture.Text;

namespace MyFamily;

/// <summary>Conversations as token ids: each picture is a placeholder on a line of its own before its question, in a template.</summary>
/// <param name="template">What stands around messages.</param>
/// <param name="tokenizer">The tokenizer.</param>
/// <param name="imageToken">The token that stands for a picture.</param>
internal sealed class MyFamilyPrompts(PromptTemplate template, ITokenizer tokenizer, int imageToken) : IPromptComposer
{
    public int[] Compose(IReadOnlyList<PromptMessage> messages)
    {
        PromptConversation conversation = PromptConversation.Of(messages);
        if (conversation.System is not null && template.Style == PromptStyle.LlavaHf)
        {
            throw new ApertureException($"The template '{template.Name}' holds no system message; leave it out, or name another template with --prompt.");
        }

        PromptTemplate own = conversation.System is { } system ? template with { SystemMessage = system } : template;
        string prompt = own.Render([.. conversation.Turns.Select(turn => new PromptTurn(Written(turn.Question), turn.Answer))]);
        return tokenizer.IdOf(ImagePrompts.Placeholder) == imageToken ? tokenizer.Encode(prompt) : ImagePrompts.Encode(prompt, tokenizer, imageToken);
    }

    // For training: each question as it is asked, then its answer and the end token, which alone count in the loss.
    public LabelledPrompt Label(IReadOnlyList<PromptMessage> messages)
    {
        int end = tokenizer.EndId
            ?? throw new ApertureException("The tokenizer names no end token to train answers with; add eos_token to tokenizer_config.json.");
        List<int> ids = [], labels = [];
        for (int i = 0; i + 1 < messages.Count; i += 2)
        {
            int[] prompt = Compose([messages[i]]);
            int[] question = i > 0 && prompt.Length > 0 && prompt[0] == tokenizer.BeginId ? prompt[1..] : prompt;
            int[] answer = [.. tokenizer.Encode(" " + messages[i + 1].Text, addSpecialTokens: false), end];
            ids.AddRange([.. question, .. answer]);
            labels.AddRange([.. Enumerable.Repeat(LabelledPrompt.Ignored, question.Length), .. answer]);
        }

        return new LabelledPrompt([.. ids], [.. labels]);
    }

    private static string Written(PromptMessage question)
        => question.Text.Contains(ImagePrompts.Placeholder, StringComparison.Ordinal)
            ? throw new ApertureException($"The question contains {ImagePrompts.Placeholder}, which stands for a picture; leave it out.")
            : string.Concat(Enumerable.Repeat(ImagePrompts.Placeholder + "\n", question.Images)) + question.Text.Trim();
}
