using Aperture.Measuring;
using Aperture.Models;
using Aperture.Text;

namespace Aperture.Plugins.Llava;

/// <summary>
/// LLaVA's conversations: each picture is a placeholder on a line of its own in front of its message, in the template that the checkpoint was trained with.
/// </summary>
/// <param name="config">The configuration.</param>
/// <param name="template">What stands around messages.</param>
/// <param name="tokenizer">The tokenizer; null for a folder that has none.</param>
/// <param name="folder">The checkpoint's folder, for messages.</param>
internal sealed class LlavaComposer(LlavaConfig config, PromptTemplate template, ITokenizer? tokenizer, string folder) : IPromptComposer
{
    private ITokenizer Tokenizer => tokenizer
        ?? throw new ApertureException($"'{folder}' holds no tokenizer (tokenizer.json or tokenizer.model), so it cannot be asked in words; add the file.");

    public int[] Compose(IReadOnlyList<PromptMessage> messages)
    {
        PromptConversation conversation = PromptConversation.Of(messages);
        if (conversation.System is not null && template.Style is (PromptStyle.LlavaHf or PromptStyle.Plain))
        {
            throw new ApertureException(
                $"The template '{template.Name}' has no place for a system message; write it into the question, or open the model with another template.");
        }

        PromptTemplate own = conversation.System is { } system ? template with { SystemMessage = system } : template;
        return Encode(own.Render([.. conversation.Turns.Select(turn => new PromptTurn(Written(turn.Question), turn.Answer))]));
    }

    public LabelledPrompt Label(IReadOnlyList<PromptMessage> messages)
    {
        if (config.Layout == LlavaLayout.HuggingFace && template.Style is not (PromptStyle.Two or PromptStyle.Llama2))
        {
            return Answers(messages);
        }

        TrainingMessage[] written = [.. messages.Select(message => new TrainingMessage(
            message.Role == PromptRole.User ? "human" : "gpt",
            string.Concat(Enumerable.Repeat(ImagePrompts.Placeholder + "\n", message.Images)) + message.Text))];
        TrainingSample sample = TrainingLabels.Create(written, template, Tokenizer, messages.Any(message => message.Images > 0));
        return new LabelledPrompt([.. sample.InputIds.Select(id => id == ImagePrompts.ImageId ? config.ImageToken : id)], [.. sample.Labels]);
    }

    // In the Hugging Face layout: each question as it is asked, its answer with the end token behind it.
    private LabelledPrompt Answers(IReadOnlyList<PromptMessage> messages)
    {
        int end = Tokenizer.EndId
            ?? throw new ApertureException(
                $"The tokenizer of '{folder}' names no end token (eos_token), so answers cannot be ended in training; add it to tokenizer_config.json.");
        List<int> ids = [], labels = [];
        for (int i = 0; i + 1 < messages.Count; i += 2)
        {
            int[] prompt = Compose([messages[i]]);
            if (i > 0 && prompt.Length > 0 && prompt[0] == Tokenizer.BeginId)
            {
                prompt = prompt[1..];
            }

            int[] answer = [.. Tokenizer.Encode(" " + messages[i + 1].Text, addSpecialTokens: false), end];
            ids.AddRange([.. prompt, .. answer]);
            labels.AddRange([.. Enumerable.Repeat(LabelledPrompt.Ignored, prompt.Length), .. answer]);
        }

        return new LabelledPrompt([.. ids], [.. labels]);
    }

    private static string Written(PromptMessage question)
        => question.Text.Contains(ImagePrompts.Placeholder, StringComparison.Ordinal)
            ? throw new ApertureException($"The question contains {ImagePrompts.Placeholder}, which the template adds by itself; leave it out.")
            : string.Concat(Enumerable.Repeat(ImagePrompts.Placeholder + "\n", question.Images)) + question.Text.Trim();

    private int[] Encode(string prompt)
        => config.Layout == LlavaLayout.HuggingFace && Tokenizer.IdOf(ImagePrompts.Placeholder) == config.ImageToken
            ? Tokenizer.Encode(prompt)
            : ImagePrompts.Encode(prompt, Tokenizer, config.ImageToken);
}
