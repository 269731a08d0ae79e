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

    /// <summary>The rows whose keys and values this layer's cache holds for a sample, those of this forward included once attention has run. Empty while training.</summary>
    /// <param name="sample">Index of the sample in the batch.</param>
    int CacheLength(int sample);

    /// <summary>Training labels, int64 <c>[rows]</c> packed, -100 where none; null outside training. Borrowed.</summary>
    Tensor? Labels { get; }

    /// <summary>A matrix of this layer <c>[out, in]</c> as it is stored, for methods that merge into it. Borrowed.</summary>
    /// <param name="matrix">Which one.</param>
    /// <exception cref="NotSupportedException">The host has none to show.</exception>
    Tensor Weight(LayerMatrix matrix) => throw new NotSupportedException($"This host shows no weights of layer {Layer}.");
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

    /// <summary><c>gate_proj</c>.</summary>
    Gate,

    /// <summary><c>up_proj</c>.</summary>
    Up,
}
