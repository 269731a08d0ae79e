using Aperture.Generation;
using Aperture.Models;
using Aperture.Text;

namespace Aperture.Engine;

/// <summary>From a question to token ids, and from a checkpoint's settings to generation options.</summary>
public sealed partial class LlavaModel
{
    /// <summary>The tokenizer.</summary>
    /// <exception cref="ApertureException">The folder has none.</exception>
    public ITokenizer RequireTokenizer()
        => Tokenizer ?? throw new ApertureException($"'{Folder}' holds no tokenizer (tokenizer.json or tokenizer.model), so it cannot be asked in words; add the file.");

    /// <summary>Tokenises a question in the model's template.</summary>
    /// <param name="question">The question.</param>
    /// <param name="images">How many images it is about; each stands as one placeholder in front of it.</param>
    /// <returns>Token ids with <see cref="LlavaConfig.ImageToken"/> once an image.</returns>
    /// <exception cref="ApertureException">The question is empty or contains an image placeholder of its own.</exception>
    public int[] Prompt(string question, int images)
    {
        if (string.IsNullOrWhiteSpace(question))
        {
            throw new ApertureException("The question is empty; write what you want to know.");
        }

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

    /// <summary>Options with what the checkpoint knows filled in: where an answer ends, and what pads.</summary>
    /// <param name="options">The caller's options; null for the checkpoint's own.</param>
    public GenerationOptions Complete(GenerationOptions? options)
    {
        GenerationOptions chosen = options ?? Generation with { MaxNewTokens = Generation.MaxNewTokens };
        IReadOnlyList<int> ends = chosen.EndOfSequence.Count > 0 ? chosen.EndOfSequence
            : Generation.EndOfSequence.Count > 0 ? Generation.EndOfSequence
            : Tokenizer?.EndId is { } end ? [end] : [];
        return chosen with { EndOfSequence = ends };
    }

    /// <summary>Criteria for an option's stop strings.</summary>
    /// <param name="options">The options.</param>
    public IReadOnlyList<IStopCriterion> StopsFor(GenerationOptions options)
    {
        if (options.StopStrings.Count == 0)
        {
            return [];
        }

        return [new KeywordStop(options.StopStrings, RequireTokenizer())];
    }

    /// <summary>The ids that count as seen before the first new token: the prompt's where the reference generates from ids, only the begin id where it generates from embeddings.</summary>
    /// <param name="prompt">The prompt's ids.</param>
    public int[] SeenIds(int[] prompt)
        => Config.Layout == LlavaLayout.HuggingFace ? prompt : Tokenizer?.BeginId is { } begin ? [begin] : [];
}
