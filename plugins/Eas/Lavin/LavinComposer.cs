using Aperture.Measuring;
using Aperture.Models;
using Aperture.Text;

namespace Aperture.Plugins.Eas.Lavin;

/// <summary>
/// LaVIN's prompts: begin of sequence, <c>Image: </c> and the place of the picture or <c>Image: N/A</c>, and one question in the instruction data's form, or as
/// it is (<c>plain</c>) where it brings its own, as ScienceQA's do.
/// </summary>
internal sealed class LavinComposer : IPromptComposer
{
    private const string WithImage = "Image: ", WithoutImage = "Image: N/A", Instruction = "instruction", Plain = "plain";
    private readonly string _template;
    private readonly ITokenizer? _tokenizer;
    private readonly string _folder;

    /// <param name="template"><c>instruction</c> or <c>plain</c>; null for the first.</param>
    /// <param name="tokenizer">The tokenizer; null for a folder that has none.</param>
    /// <param name="folder">The checkpoint's folder, for messages.</param>
    /// <exception cref="ApertureException">There is no such template.</exception>
    public LavinComposer(string? template, ITokenizer? tokenizer, string folder)
    {
        _template = template is null or Instruction or Plain
            ? template ?? Instruction
            : throw new ApertureException($"LaVIN has no prompt template '{template}'; use instruction, or plain for questions that are whole prompts.");
        _tokenizer = tokenizer;
        _folder = folder;
    }

    private ITokenizer Tokenizer
        => _tokenizer ?? throw new ApertureException($"'{_folder}' holds no tokenizer (tokenizer.model), so it cannot be asked in words; add the file.");

    public int[] Compose(IReadOnlyList<PromptMessage> messages)
    {
        PromptConversation conversation = PromptConversation.Of(messages);
        if (conversation.Turns.Count > 1 || conversation.System is not null)
        {
            throw new ApertureException("LaVIN was trained on single questions without instructions in front; ask one question at a time.");
        }

        PromptMessage question = conversation.Turns[0].Question;
        if (question.Images > 1)
        {
            throw new ApertureException($"LaVIN looks at one picture, not {question.Images}; ask about one at a time.");
        }

        return [.. Prefix(question.Images), .. Tokenizer.Encode(Written(question.Text), addSpecialTokens: false)];
    }

    // In one piece, so that the answer's first token may depend on the question's last letters. Labels are the tokens behind as many as the question alone has.
    public LabelledPrompt Label(IReadOnlyList<PromptMessage> messages)
    {
        if (messages.Count != 2)
        {
            throw new ApertureException($"the conversation has {messages.Count} messages; LaVIN is trained on one question and one answer each.");
        }

        int end = Tokenizer.EndId
            ?? throw new ApertureException($"The tokenizer of '{_folder}' has no end-of-sequence token; LaVIN needs LLaMA's tokenizer.model.");
        string question = Written(messages[0].Text);
        int asked = Tokenizer.Encode(question, addSpecialTokens: false).Length;
        int[] whole = [.. Tokenizer.Encode(question + messages[1].Text, addSpecialTokens: false), end], prefix = Prefix(messages[0].Images);
        return new LabelledPrompt([.. prefix, .. whole], [.. Enumerable.Repeat(LabelledPrompt.Ignored, prefix.Length + asked), .. whole.Skip(asked)]);
    }

    private string Written(string question)
        => _template == Plain ? question : $"Instruction: {question}\nResponse: ".Replace("  ", " ", StringComparison.Ordinal).Trim();

    private int[] Prefix(int images)
    {
        int begin = Tokenizer.BeginId
            ?? throw new ApertureException($"The tokenizer of '{_folder}' has no begin-of-sequence token; LaVIN needs LLaMA's tokenizer.model.");
        int[] text = Tokenizer.Encode(images > 0 ? WithImage : WithoutImage, addSpecialTokens: false);
        return images > 0 ? [begin, .. text, LavinPacker.Placeholder] : [begin, .. text];
    }
}
