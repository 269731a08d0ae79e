using static TorchSharp.torch;

namespace Aperture.Plugins.DtNet.Search;

/// <summary>Captions that a search found, the best of each picture first. Its tensors are the caller's.</summary>
/// <param name="Ids">int64 <c>[B, captions, steps]</c>: words up to an end, then zeros.</param>
/// <param name="LogProbabilities">float32 <c>[B, captions, steps]</c> of the words, zero behind the end; carries gradients in training.</param>
/// <param name="Scores">float32 <c>[B, captions]</c>: the sums.</param>
/// <param name="Steps">Words for which the decoder ran.</param>
internal sealed record SearchResult(Tensor Ids, Tensor LogProbabilities, Tensor Scores, int Steps);
