using Aperture.Sequences;
using Aperture.Vision;
using static TorchSharp.torch;

namespace Aperture.Models;

/// <summary>
/// Puts a prompt's text and its pictures' tokens into the one sequence of rows that enters the decoder. Calls come from one thread at a time.
/// </summary>
public interface IPacker
{
    /// <summary>The id that stands for a picture in what the prompt composer gives.</summary>
    int ImageToken { get; }

    /// <summary>Whether an id stands for rows of its own instead of a word, so that rows of text do not count it: a picture, or learned queries.</summary>
    /// <param name="id">A token id of the prompt composer's.</param>
    bool StandsForRows(int id) => id == ImageToken;

    /// <summary>Packs one prompt.</summary>
    /// <param name="input">Text and pictures.</param>
    /// <returns>Rows, layout and what generation needs to know; the caller disposes it.</returns>
    /// <exception cref="ApertureException">The prompt asks for another number of pictures than there are.</exception>
    PackedPrompt Pack(PackInput input);
}

/// <summary>What a sequence is packed from. Tensors are borrowed.</summary>
/// <param name="Ids">Token ids, a placeholder for each picture.</param>
/// <param name="Images">The tokens of the pictures, in order.</param>
/// <param name="Embed">Embedding rows <c>[ids, d]</c> of token ids; the caller disposes them.</param>
/// <param name="Projector">What projected the tokens: the model's own, or the one that is being trained.</param>
public sealed record PackInput(IReadOnlyList<int> Ids, IReadOnlyList<VisualTokens> Images, Func<int[], Tensor> Embed, IProjector? Projector)
{
    /// <summary>Whether the prompt is a sample of a training, as models need to know whose training code packs otherwise.</summary>
    public bool Training { get; init; }
}

/// <summary>One sequence as it enters the decoder. Owns the rows.</summary>
/// <param name="Rows">Rows <c>[rows, d]</c>.</param>
/// <param name="Layout">What the rows stand for.</param>
public sealed record PackedPrompt(Tensor Rows, SequenceLayout Layout) : IDisposable
{
    /// <summary>The position id of the first new token; null for the one after the prompt's last.</summary>
    public int? NextPosition { get; init; }

    /// <summary>
    /// The ids that count as seen before the first new token, for the repetition penalty and repeated n-grams: the prompt's where the reference generates from
    /// ids, only the begin-of-sequence id where it generates from embeddings.
    /// </summary>
    public IReadOnlyList<int> SeenIds { get; init; } = [];

    /// <summary>Disposes the rows.</summary>
    public void Dispose() => Rows.Dispose();
}
