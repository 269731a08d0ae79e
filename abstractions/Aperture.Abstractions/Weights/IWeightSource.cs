using static TorchSharp.torch;

namespace Aperture.Weights;

/// <summary>The named tensors of a checkpoint: one file, a set of shards, or several of them seen as one. Not safe for use from several threads.</summary>
public interface IWeightSource : IDisposable
{
    /// <summary>The names of all tensors, as they stand in the checkpoint.</summary>
    IReadOnlyCollection<string> Names { get; }

    /// <summary>Whether a tensor of this name exists.</summary>
    /// <param name="name">The checkpoint's name of the tensor.</param>
    bool Contains(string name);

    /// <summary>Element type and shape, without reading the values.</summary>
    /// <param name="name">The checkpoint's name of the tensor.</param>
    /// <exception cref="ApertureException">No tensor has this name.</exception>
    WeightInfo Describe(string name);

    /// <summary>
    /// The tensor on the CPU, in its stored element type where libtorch has it (F8 types are widened to float32, U16 to int32, U32 and U64 to int64).
    /// Memory may be that of the mapped file: do not write to it, and keep the source alive as long as the tensor.
    /// Tensors that share storage in the file share memory here. The caller disposes the tensor.
    /// </summary>
    /// <param name="name">The checkpoint's name of the tensor.</param>
    /// <exception cref="ApertureException">No tensor has this name, or its stored type cannot be read.</exception>
    Tensor Load(string name);
}
