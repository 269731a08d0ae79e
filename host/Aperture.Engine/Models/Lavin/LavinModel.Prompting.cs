using Aperture.Generation;
using Aperture.Sequences;
using Aperture.Text;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Engine;

/// <summary>From a question to the decoder's input.</summary>
public sealed partial class LavinModel
{
    /// <summary>Stands for a picture in token ids; no token has it.</summary>
    public const int ImageToken = -200;

    private const string WithImage = "Image: ", WithoutImage = "Image: N/A";

    /// <summary>
    /// What stands around a question: <c>instruction</c> (the instruction data's form), or <c>plain</c> for questions that bring their own, as ScienceQA's do.
    /// </summary>
    public required string PromptName { get; init; }

    /// <summary>Tokenises a question behind LaVIN's prefix: begin of sequence, <c>Image: </c> and the place of the picture, or <c>Image: N/A</c>.</summary>
    /// <param name="question">The question.</param>
    /// <param name="images">0 or 1.</param>
    /// <returns>Token ids with <see cref="ImageToken"/> for the picture.</returns>
    /// <exception cref="ApertureException">The question is empty, or there is more than one picture.</exception>
    public override int[] Prompt(string question, int images)
    {
        if (images > 1)
        {
            throw new ApertureException($"LaVIN looks at one picture, not {images}; ask about one at a time.");
        }

        (int[] with, int[] without) = Prefixes();
        int[] ids = RequireTokenizer().Encode(Written(question), addSpecialTokens: false);
        return images == 1 ? [.. with, ImageToken, .. ids] : [.. without, .. ids];
    }

    /// <summary>A question in the model's template.</summary>
    /// <param name="question">The question.</param>
    /// <exception cref="ApertureException">The question is empty.</exception>
    public string Written(string question)
        => PromptName == "plain" ? Checked(question) : $"Instruction: {Checked(question)}\nResponse: ".Replace("  ", " ", StringComparison.Ordinal).Trim();

    /// <summary>The ids in front of a prompt, begin of sequence included: for a picture and for text alone.</summary>
    /// <exception cref="ApertureException">There is no tokenizer.</exception>
    public (int[] WithImage, int[] WithoutImage) Prefixes()
    {
        ITokenizer tokenizer = RequireTokenizer();
        int begin = tokenizer.BeginId ?? throw new ApertureException($"The tokenizer of '{Folder}' has no begin-of-sequence token; LaVIN needs LLaMA's tokenizer.model.");
        return ([begin, .. tokenizer.Encode(WithImage, addSpecialTokens: false)], [begin, .. tokenizer.Encode(WithoutImage, addSpecialTokens: false)]);
    }

    /// <inheritdoc />
    public override GenerationInput BuildInput(int[] prompt, IReadOnlyList<VisualTokens> images)
    {
        using LlavaSequence text = LlavaSequence.Assemble(Decoder, prompt, ImageToken, 1, images);
        (Tensor rows, SequenceLayout layout) = WithModality(text, hasImage: images.Count > 0);
        return new GenerationInput(rows, [layout]) { NextPositions = [text.Layout.Count], SeenIds = [prompt] };
    }

    /// <summary>
    /// A sequence with the modality token in front, which no other row attends to. Text keeps the positions that follow it, but a generated token's position is counted without it:
    /// it has the last prompt row's once more, as in the official code.
    /// </summary>
    /// <param name="text">Begin of sequence, prefix, picture, prompt; borrowed.</param>
    /// <param name="hasImage">Which modality.</param>
    /// <param name="projection">Holds the embeddings; null for the model's own.</param>
    /// <returns>Rows <c>[1 + text, d]</c>, the caller disposes them; and their layout.</returns>
    public (Tensor Rows, SequenceLayout Layout) WithModality(LlavaSequence text, bool hasImage, LavinProjection? projection = null)
    {
        using Tensor modality = (projection ?? Projection).Modalities.narrow(0, hasImage ? 1 : 0, 1);
        Tensor rows = cat([modality, text.Rows], 0);
        return (rows, SequenceLayout.Create([new Span(SpanKind.System, 1) { Private = true }, .. text.Layout.OriginalSpans]));
    }

    private static string PromptOf(string? name) => name switch
    {
        null or "instruction" => "instruction",
        "plain" => "plain",
        _ => throw new ApertureException($"LaVIN has no prompt template '{name}'; use instruction, or plain for questions that are whole prompts."),
    };
}
