using Aperture.Measuring;
using Aperture.Models;
using Aperture.Text;

namespace Aperture.Plugins.FlashSloth.Family;

/// <summary>
/// FlashSloth's conversations: the template <c>phi2</c> with the queries' placeholder behind every question, right behind its last letter as the authors'
/// scripts ask; or <c>plain</c>, a picture and its caption, for the alignment stage.
/// </summary>
internal sealed class FlashSlothComposer : IPromptComposer
{
    /// <summary>What stands for the queries in a prompt.</summary>
    public const string Placeholder = "<learnable>";

    private const string Chat = "phi2", Plain = "plain";
    private readonly PromptTemplate _template;
    private readonly FlashSlothLabels _labels;
    private readonly ITokenizer? _tokenizer;
    private readonly string _folder;

    /// <param name="template">Name of the template; null for <c>phi2</c>.</param>
    /// <param name="tokenizer">The tokenizer; null for a folder that has none.</param>
    /// <param name="queryToken">The id that stands for the queries.</param>
    /// <param name="maxLength">The most ids of a training text without a picture.</param>
    /// <param name="folder">The checkpoint's folder, for messages.</param>
    /// <exception cref="ApertureException">There is no such template.</exception>
    public FlashSlothComposer(string? template, ITokenizer? tokenizer, int queryToken, int maxLength, string folder)
    {
        if (template is not (null or Chat or Plain))
        {
            throw new ApertureException($"FlashSloth has no prompt template '{template}'; use {Chat}, or {Plain} for the alignment stage of its training.");
        }

        _template = PromptTemplates.Get(template ?? Chat);
        _labels = new FlashSlothLabels(_template, queryToken, maxLength);
        (_tokenizer, _folder) = (tokenizer, folder);
    }

    private ITokenizer Tokenizer => _tokenizer
        ?? throw new ApertureException($"'{_folder}' holds no tokenizer (vocab.json and merges.txt), so it cannot be asked in words; add the files.");

    public int[] Compose(IReadOnlyList<PromptMessage> messages)
    {
        PromptConversation conversation = PromptConversation.Of(messages);
        if (conversation.Images > 1 || conversation.Turns.Skip(1).Any(turn => turn.Question.Images > 0))
        {
            throw new ApertureException(
                $"FlashSloth looks at one picture, shown with the first question, not at {conversation.Images}; ask about one at a time.");
        }

        PromptTemplate own = conversation.System is { } system ? _template with { SystemMessage = system } : _template;
        string prompt = _template.Name == Plain
            ? (conversation.Images > 0 ? ImagePrompts.Placeholder : "") + Checked(conversation.Turns[0].Question.Text) + Placeholder
            : own.Render([.. conversation.Turns.Select(turn => new PromptTurn(Written(turn.Question), turn.Answer))]);
        return ImagePrompts.Encode(prompt, Tokenizer);
    }

    public LabelledPrompt Label(IReadOnlyList<PromptMessage> messages)
    {
        TrainingMessage[] written = [.. messages.Select(message => new TrainingMessage(
            message.Role == PromptRole.User ? "human" : "gpt",
            string.Concat(Enumerable.Repeat(ImagePrompts.Placeholder + "\n", message.Images)) + message.Text))];
        TrainingSample sample = _labels.Create(written, Tokenizer, messages.Any(message => message.Images > 0));
        return new LabelledPrompt([.. sample.InputIds], [.. sample.Labels]);
    }

    private static string Written(PromptMessage question)
        => string.Concat(Enumerable.Repeat(ImagePrompts.Placeholder + "\n", question.Images)) + Checked(question.Text).Trim() + Placeholder;

    private static string Checked(string question)
        => new[] { ImagePrompts.Placeholder, Placeholder }.FirstOrDefault(own => question.Contains(own, StringComparison.Ordinal)) is { } found
            ? throw new ApertureException($"The question contains {found}, which the template adds by itself; leave it out.")
            : question;
}
