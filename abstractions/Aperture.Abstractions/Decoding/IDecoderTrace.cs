using Aperture.Measuring;
using Aperture.Sequences;
using Aperture.Vision;
using static TorchSharp.torch;

namespace Aperture.Decoding;

/// <summary>
/// Listens to a forward: rows per layer, named values, the methods' own costs. Tensors are borrowed for the call; clone to keep. Members a listener does not
/// care for stay empty.
/// </summary>
public interface IDecoderTrace
{
    /// <summary>A layer begins.</summary>
    /// <param name="context">The layer; its layouts are those that enter.</param>
    /// <param name="rows">Packed input rows <c>[rows, d]</c>.</param>
    void LayerInput(ILayerContext context, Tensor rows)
    {
    }

    /// <summary>Whether <see cref="LayerCache"/> is wanted for a layer. A cache that is kept in fewer bits is widened for it.</summary>
    /// <param name="layer">The decoder layer.</param>
    bool WantsCache(int layer) => true;

    /// <summary>A layer's attention has run. Not called where a layer was skipped or replaced.</summary>
    /// <param name="context">The layer.</param>
    /// <param name="sample">Index of the sample in the batch.</param>
    /// <param name="keys">The cached keys after RoPE, <c>[kv heads, rows, head]</c>; those of this forward while training.</param>
    /// <param name="values">The cached values, <c>[kv heads, rows, head]</c>.</param>
    void LayerCache(ILayerContext context, int sample, Tensor keys, Tensor values)
    {
    }

    /// <summary>Whether <see cref="LayerAttention"/> is wanted for a layer. Statistics are then offered beside the fused attention.</summary>
    /// <param name="layer">The decoder layer.</param>
    bool WantsAttention(int layer) => false;

    /// <summary>A layer's attention map can be read.</summary>
    /// <param name="context">The layer.</param>
    /// <param name="statistics">Computes on demand; valid during the call.</param>
    void LayerAttention(ILayerContext context, IAttentionStatistics statistics)
    {
    }

    /// <summary>A layer ends.</summary>
    /// <param name="context">The layer; its layouts are those that go on.</param>
    /// <param name="rows">Packed output rows <c>[rows, d]</c>.</param>
    void LayerOutput(ILayerContext context, Tensor rows)
    {
    }

    /// <summary>What a layer did, for counting.</summary>
    /// <param name="context">The layer.</param>
    /// <param name="work">Rows and keys that were computed.</param>
    void LayerWork(ILayerContext context, LayerWork work)
    {
    }

    /// <summary>A method's named value, such as scores or gate probabilities.</summary>
    /// <param name="context">The layer.</param>
    /// <param name="sample">Index of the sample in the batch.</param>
    /// <param name="name">The name, for example <c>method.score</c>.</param>
    /// <param name="value">The value.</param>
    void Value(ILayerContext context, int sample, string name, Tensor value)
    {
    }

    /// <summary>Whether a named value of pictures before the decoder is wanted. What nobody wants is not computed.</summary>
    /// <param name="name">The name, for example <c>encoder.gate</c>.</param>
    bool WantsPictureValue(string name) => false;

    /// <summary>A named value of a picture before the decoder: an encoder's gate or map between two stages, a method's weight for each patch.</summary>
    /// <param name="picture">The picture, or its tile.</param>
    /// <param name="name">The name.</param>
    /// <param name="value">The value, for this picture alone.</param>
    void PictureValue(PictureTile picture, string name, Tensor value)
    {
    }

    /// <summary>Multiply-accumulates that a method itself spent.</summary>
    /// <param name="method">Name of the method.</param>
    /// <param name="macs">Multiply-accumulates.</param>
    void MethodMacs(string method, long macs)
    {
    }
}

/// <summary>What one layer computed for one sample.</summary>
/// <param name="Sample">Index of the sample in the batch.</param>
/// <param name="AttentionRows">Rows through the query, key and value projections and attention; 0 if skipped or replaced.</param>
/// <param name="Keys">Keys that each of these rows could attend to, the causal half not subtracted.</param>
/// <param name="FeedForwardRows">Rows through the output projection and the feed-forward network.</param>
/// <param name="CacheRows">Rows in the layer's cache after it.</param>
/// <param name="Layout">The rows that go on.</param>
/// <param name="Computed">Those of them that the layer computed; the others passed by unchanged.</param>
public readonly record struct LayerWork(
    int Sample, int AttentionRows, int Keys, int FeedForwardRows, int CacheRows, SequenceLayout Layout, SequenceLayout Computed);
