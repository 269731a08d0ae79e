using Aperture.Generation;
using Aperture.Models;
using Aperture.Text;
using Aperture.Vision;

namespace Aperture.Engine;

/// <summary>From a question to the decoder's input.</summary>
public sealed partial class LlavaModel
{
    /// <summary>Tokenises a question in the model's template.</summary>
    /// <param name="question">The question.</param>
    /// <param name="images">How many images it is about; each stands as one placeholder in front of it.</param>
    /// <returns>Token ids with <see cref="LlavaConfig.ImageToken"/> once an image.</returns>
    /// <exception cref="ApertureException">The question is empty or contains an image placeholder of its own.</exception>
    public override int[] Prompt(string question, int images)
    {
        question = Checked(question);
        if (question.Contains(ImagePrompts.Placeholder, StringComparison.Ordinal))
        {
            throw new ApertureException($"The question contains {ImagePrompts.Placeholder}, which the template adds by itself; leave it out.");
        }

        ITokenizer tokenizer = RequireTokenizer();
        string user = string.Concat(Enumerable.Repeat(ImagePrompts.Placeholder + "\n", images)) + question.Trim();
        string prompt = Template.Render([new PromptTurn(user)]);
        return Config.Layout == LlavaLayout.HuggingFace && tokenizer.IdOf(ImagePrompts.Placeholder) == Config.ImageToken
            ? tokenizer.Encode(prompt)
            : ImagePrompts.Encode(prompt, tokenizer, Config.ImageToken);
    }

    /// <inheritdoc />
    public override GenerationInput BuildInput(int[] prompt, IReadOnlyList<VisualTokens> images)
    {
        LlavaSequence sequence = LlavaSequence.Assemble(Decoder, prompt, Config.ImageToken, 1, images, Config.MaxPromptRows);
        return new GenerationInput(sequence.Rows, [sequence.Layout]) { SeenIds = [SeenIds(prompt)] };
    }

    /// <summary>The ids that count as seen before the first new token: the prompt's where the reference generates from ids, only the begin id where it generates from embeddings.</summary>
    /// <param name="prompt">The prompt's ids.</param>
    public int[] SeenIds(int[] prompt)
        => Config.Layout == LlavaLayout.HuggingFace ? prompt : Tokenizer?.BeginId is { } begin ? [begin] : [];
}
