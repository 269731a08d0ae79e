using Aperture.Sequences;
using Aperture.Tasks;
using static TorchSharp.torch;

namespace Aperture.Generation;

/// <summary>Prompts as they enter the decoder, ragged and packed.</summary>
/// <param name="Rows">Embedding rows of all prompts, one after the other, <c>[rows, d]</c>; consumed.</param>
/// <param name="Layouts">What the rows are, one layout a prompt.</param>
public sealed record GenerationInput(Tensor Rows, IReadOnlyList<SequenceLayout> Layouts)
{
    /// <summary>Per prompt the position id of the first new token; null for the one after the prompt's last.</summary>
    public IReadOnlyList<int>? NextPositions { get; init; }

    /// <summary>
    /// Per prompt the ids that count as seen before the first new token, for the repetition penalty and repeated n-grams: the prompt's ids where the reference
    /// generates from ids, only the begin-of-sequence id where it generates from embeddings. Null means none.
    /// </summary>
    public IReadOnlyList<int[]>? SeenIds { get; init; }
}
