using Aperture.Sequences;
using static TorchSharp.torch;

namespace Aperture.Decoding;

/// <summary>What a hook sees of the layer it is called in. Rows of all samples are packed one after the other; <see cref="Offsets"/> separates them.</summary>
public interface ILayerContext
{
    /// <summary>The request this forward belongs to.</summary>
    IRequestContext Request { get; }

    /// <summary>The decoder layer, from 0.</summary>
    int Layer { get; }

    /// <summary>What the decoder is doing.</summary>
    DecoderPhase Phase { get; }

    /// <summary>Number of sequences.</summary>
    int Samples { get; }

    /// <summary>First packed row of each sample, and the total: <c>Samples + 1</c> entries.</summary>
    ReadOnlySpan<int> Offsets { get; }

    /// <summary>The current rows of a sample. While decoding it holds the new rows only.</summary>
    /// <param name="sample">Index of the sample in the batch.</param>
    SequenceLayout Layout(int sample);

    /// <summary>
    /// The rows whose keys and values this layer's cache holds for a sample, those of this forward included once attention has run. Empty while training.
    /// </summary>
    /// <param name="sample">Index of the sample in the batch.</param>
    int CacheLength(int sample);

    /// <summary>Training labels, int64 <c>[rows]</c> packed, -100 where none; null outside training. Borrowed.</summary>
    Tensor? Labels { get; }

    /// <summary>A matrix of this layer as a dense tensor, for methods that merge into it.</summary>
    /// <param name="matrix">Which one.</param>
    /// <returns>
    /// <c>[out, in]</c>: what is stored, without a copy and not to be written to, where it is stored dense; else in the type computed in. The caller disposes
    /// it.
    /// </returns>
    /// <exception cref="NotSupportedException">
    /// The host shows none, or the layer has no such matrix (a feed-forward network of two matrices has no gate).
    /// </exception>
    Tensor Dense(LayerMatrix matrix) => throw new NotSupportedException($"This host shows no weights of layer {Layer}.");
}

/// <summary>The matrices of a decoder layer that methods may merge into.</summary>
public enum LayerMatrix
{
    /// <summary><c>q_proj</c>.</summary>
    Query,

    /// <summary><c>k_proj</c>.</summary>
    Key,

    /// <summary><c>v_proj</c>.</summary>
    Value,

    /// <summary><c>gate_proj</c>. Absent where <see cref="DecoderInfo.GatedFeedForward"/> is false.</summary>
    Gate,

    /// <summary><c>up_proj</c>; the first matrix of a feed-forward network of two.</summary>
    Up,
}
