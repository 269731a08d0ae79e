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
}
