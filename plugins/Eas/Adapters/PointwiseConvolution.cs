using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Plugins.Eas.Adapters;

/// <summary>
/// A convolution of width 1 over tokens: the same linear layer for each token, block-diagonal where it has groups (outputs of a group read the inputs of that
/// group). Owns its tensors.
/// </summary>
/// <param name="weight"><c>[out, in / groups, 1]</c>, as published.</param>
/// <param name="bias"><c>[out]</c>.</param>
/// <param name="groups">Number of blocks.</param>
internal sealed class PointwiseConvolution(Tensor weight, Tensor bias, int groups = 1) : IDisposable
{
    /// <summary><c>[out, in / groups, 1]</c>.</summary>
    public Tensor Weight { get; private set; } = weight;

    /// <summary><c>[out]</c>.</summary>
    public Tensor Bias { get; private set; } = bias;

    public int Groups { get; } = groups;

    public int Outputs { get; } = (int)weight.size(0);

    public int Inputs { get; } = (int)weight.size(1) * groups;

    /// <summary>Loads a convolution into memory of its own, as float32.</summary>
    /// <param name="source">The checkpoint.</param>
    /// <param name="name">Name without <c>.weight</c>.</param>
    /// <param name="outputs">Output width; -1 takes what the file has.</param>
    /// <param name="inputs">Input width; -1 takes what the file has.</param>
    /// <param name="groups">Number of blocks.</param>
    /// <exception cref="ApertureException">A tensor is missing or has another shape.</exception>
    public static PointwiseConvolution Load(IWeightSource source, string name, int outputs, int inputs, int groups = 1)
    {
        using (source.Load(name + ".weight", outputs, inputs < 0 ? -1 : inputs / groups, 1))
        using (source.Load(name + ".bias", source.Describe(name + ".weight").Shape[0]))
        {
            return new PointwiseConvolution(source.LoadCopy(name + ".weight", ScalarType.Float32), source.LoadCopy(name + ".bias", ScalarType.Float32), groups);
        }
    }

    /// <summary>Xavier-uniform (or zero) weights and a zero bias.</summary>
    public static PointwiseConvolution Fresh(int outputs, int inputs, int groups, bool zero, Generator generator)
    {
        long[] shape = [outputs, inputs / groups, 1];
        double bound = Math.Sqrt(6.0 / (outputs + (inputs / groups)));
        Tensor weight = zero ? zeros(shape) : rand(shape, generator: generator).mul_(2 * bound).sub_(bound);
        return new PointwiseConvolution(weight, zeros(outputs), groups);
    }

    /// <summary>Applies the layer.</summary>
    /// <param name="x"><c>[..., in]</c>; borrowed.</param>
    /// <returns><c>[..., out]</c> in the type of <paramref name="x"/>; the caller disposes it.</returns>
    public Tensor Run(Tensor x)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor matrix = Weight.to_type(x.dtype).squeeze(-1), offset = Bias.to_type(x.dtype);
        if (Groups == 1)
        {
            return F.linear(x, matrix, offset).MoveToOuterDisposeScope();
        }

        long read = Inputs / Groups, written = Outputs / Groups;
        Tensor[] blocks = [.. Enumerable.Range(0, Groups).Select(g => F.linear(x.narrow(-1, g * read, read), matrix.narrow(0, g * written, written)))];
        return cat(blocks, -1).add(offset).MoveToOuterDisposeScope();
    }

    /// <summary>The layer's matrix with the zeros between its blocks, <c>[out, in]</c>; the caller disposes it.</summary>
    public Tensor Dense()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor matrix = Weight.squeeze(-1);
        return (Groups == 1 ? matrix.alias() : block_diag([.. matrix.chunk(Groups, 0)])).MoveToOuterDisposeScope();
    }

    /// <summary>Moves the tensors to a device and element type.</summary>
    public void MoveTo(Device device, ScalarType type)
    {
        Weight = Moved(Weight, device, type);
        Bias = Moved(Bias, device, type);
    }

    /// <summary>The tensors by published name.</summary>
    public IEnumerable<(string Name, Tensor Tensor)> Named(string name) => [(name + ".weight", Weight), (name + ".bias", Bias)];

    public void Dispose()
    {
        Weight.Dispose();
        Bias.Dispose();
    }

    /// <summary>A tensor on a device and in a type; the source is consumed.</summary>
    internal static Tensor Moved(Tensor source, Device device, ScalarType type)
    {
        using (source)
        {
            return source.to(type, device).DetachFromDisposeScope();
        }
    }
}
