using Aperture.Measuring;
using Aperture.Models;
using Aperture.Text;

namespace Aperture.Plugins.Llava;

/// <summary>
/// LLaVA's conversations: each picture is a placeholder on a line of its own in front of its message, in the template that the checkpoint was trained with.
/// </summary>
/// <param name="config">The configuration.</param>
/// <param name="prompts">What stands around messages.</param>
/// <param name="tokenizer">The tokenizer; null for a folder that has none.</param>
/// <param name="folder">The checkpoint's folder, for messages.</param>
internal sealed class LlavaComposer(LlavaConfig config, LlavaPrompts prompts, ITokenizer? tokenizer, string folder) : IPromptComposer
{
    private readonly PromptTemplate _template = prompts.Template;

    private ITokenizer Tokenizer => tokenizer
        ?? throw new ApertureException($"'{folder}' holds no tokenizer (tokenizer.json or tokenizer.model), so it cannot be asked in words; add the file.");

    public int[] Compose(IReadOnlyList<PromptMessage> messages)
    {
        PromptConversation conversation = PromptConversation.Of(messages);
        if (prompts.Own is { } own)
        {
            return Encode(own.Render(conversation.System, [.. conversation.Turns.Select(turn => (Asked(turn.Question), turn.Question.Images, turn.Answer))]));
        }

        if (conversation.System is not null && _template.Style is (PromptStyle.LlavaHf or PromptStyle.Plain))
        {
            throw new ApertureException(
                $"The template '{_template.Name}' has no place for a system message; write it into the question, or open the model with another template.");
        }

        PromptTemplate written = conversation.System is { } system ? _template with { SystemMessage = system } : _template;
        return Encode(written.Render([.. conversation.Turns.Select(turn => new PromptTurn(Written(turn.Question), turn.Answer))]));
    }

    public LabelledPrompt Label(IReadOnlyList<PromptMessage> messages)
    {
        if (prompts.Own is not null || (config.Layout == LlavaLayout.HuggingFace && _template.Style is not (PromptStyle.Two or PromptStyle.Llama2)))
        {
            return Answers(messages);
        }

        TrainingMessage[] written = [.. messages.Select(message => new TrainingMessage(
            message.Role == PromptRole.User ? "human" : "gpt",
            Pictures(message.Images) + message.Text))];
        TrainingSample sample = TrainingLabels.Create(written, _template, Tokenizer, messages.Any(message => message.Images > 0));
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

    private string Written(PromptMessage question) => Pictures(question.Images) + Asked(question);

    private static string Asked(PromptMessage question)
        => question.Text.Contains(ImagePrompts.Placeholder, StringComparison.Ordinal)
            ? throw new ApertureException($"The question contains {ImagePrompts.Placeholder}, which the template adds by itself; leave it out.")
            : question.Text.Trim();

    // Each on a line of its own, between marks where the checkpoint was trained with them.
    private string Pictures(int count)
    {
        string one = config.MarksImages ? LlavaMarks.Start + ImagePrompts.Placeholder + LlavaMarks.End : ImagePrompts.Placeholder;
        return string.Concat(Enumerable.Repeat(one + "\n", count));
    }

    private int[] Encode(string prompt)
    {
        // A chat template may write the begin token itself.
        bool begins = prompts.Own is not null && Tokenizer.BeginId is { } begin && Tokenizer.TokenOf(begin) is { Length: > 0 } marker
            && prompt.StartsWith(marker, StringComparison.Ordinal);
        if (config.Layout == LlavaLayout.HuggingFace && Tokenizer.IdOf(ImagePrompts.Placeholder) == config.ImageToken)
        {
            return Tokenizer.Encode(prompt, addSpecialTokens: !begins);
        }

        int[] ids = ImagePrompts.Encode(prompt, Tokenizer, config.ImageToken);
        return begins && ids.Length > 1 && ids[0] == ids[1] ? ids[1..] : ids;
    }
}
