using static TorchSharp.torch;

namespace Aperture.Weights;

/// <summary>A weight that a checkpoint stores as codes with what turns them into numbers.</summary>
/// <param name="shape">Sizes of the weight, outermost first.</param>
internal abstract class QuantizedTensor(long[] shape)
{
    /// <summary>Sizes of the weight, outermost first.</summary>
    public long[] Shape => shape;

    /// <summary>The numbers, in float32 on the CPU; the caller disposes them.</summary>
    /// <param name="source">The checkpoint.</param>
    public abstract Tensor Load(IWeightSource source);

    /// <summary>Names of the tensors it is stored in; the codes come first.</summary>
    public abstract IReadOnlyList<string> Parts { get; }

    /// <summary>The codes as they are stored where they have eight bits and a scale for each output; else null. The caller disposes them.</summary>
    /// <param name="source">The checkpoint.</param>
    public virtual Int8Codes? EightBits(IWeightSource source) => null;

    /// <summary>
    /// The codes as they are stored where they have four bits and a scale for each group of a multiple of 32 inputs; else null. The caller disposes them.
    /// </summary>
    /// <param name="source">The checkpoint.</param>
    public virtual Int4Codes? FourBits(IWeightSource source) => null;
}
