using Aperture.Sequences;
using static TorchSharp.torch;

namespace Aperture.Plugins.DyVte.Training;

/// <summary>What a training step needs of a decoder: some of its layers at a time, from any rows.</summary>
internal interface IDecoderLayers
{
    /// <summary>Number of layers.</summary>
    int Layers { get; }

    /// <summary>Runs layers [from, to) without a cache.</summary>
    /// <param name="layouts">The rows of each sample.</param>
    /// <param name="rows">Packed rows <c>[rows, d]</c>; consumed.</param>
    /// <param name="from">First layer.</param>
    /// <param name="to">One past the last layer.</param>
    /// <returns>Packed rows <c>[rows, d]</c>; the caller disposes them.</returns>
    Tensor Run(IReadOnlyList<SequenceLayout> layouts, Tensor rows, int from, int to);

    /// <summary>Logits of rows after the last layer.</summary>
    /// <param name="rows">Rows <c>[rows, d]</c>; borrowed.</param>
    /// <returns>float32 <c>[rows, V]</c>; the caller disposes them.</returns>
    Tensor Logits(Tensor rows);
}
