using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Plugins.Eas.Adapters;

/// <summary>Two weights a sequence: <c>softmax(R q / t)</c>. Owns its tensors; published as <c>expert_weights</c>.</summary>
/// <param name="weight"><c>[2, d]</c>.</param>
/// <param name="bias"><c>[2]</c>; null where the checkpoint has none, as LLaVA-EAS before attention.</param>
internal sealed class ExpertRouter(Tensor weight, Tensor? bias) : IDisposable
{
    public const int Experts = 2;

    public Tensor Weight { get; private set; } = weight;

    public Tensor? Bias { get; private set; } = bias;

    /// <summary>Loads a router into memory of its own, as float32.</summary>
    /// <param name="source">The checkpoint.</param>
    /// <param name="name">Name without <c>.weight</c>.</param>
    /// <param name="width">Width of the query.</param>
    /// <exception cref="ApertureException">The weight is missing or a tensor has another shape.</exception>
    public static ExpertRouter Load(IWeightSource source, string name, int width)
    {
        using (source.Load(name + ".weight", Experts, width))
        {
            return new ExpertRouter(
                source.LoadCopy(name + ".weight", ScalarType.Float32),
                source.Contains(name + ".bias") ? source.LoadCopy(name + ".bias", ScalarType.Float32) : null);
        }
    }

    /// <summary>A linear layer's default initialisation: uniform within <c>1 / sqrt(width)</c>.</summary>
    public static ExpertRouter Fresh(int width, bool bias, Generator generator)
    {
        double bound = 1 / Math.Sqrt(width);
        Tensor Uniform(params long[] shape) => rand(shape, generator: generator).mul_(2 * bound).sub_(bound);
        return new ExpertRouter(Uniform(Experts, width), bias ? Uniform(Experts) : null);
    }

    /// <summary>The two weights of each sequence.</summary>
    /// <param name="query"><c>[samples, d]</c>; borrowed.</param>
    /// <param name="temperature">t.</param>
    /// <returns>float32 <c>[samples, 2]</c>; the caller disposes it.</returns>
    public Tensor Run(Tensor query, double temperature)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor logits = F.linear(query.to_type(Weight.dtype), Weight, Bias).to_type(ScalarType.Float32);
        return logits.div(temperature).softmax(-1).MoveToOuterDisposeScope();
    }

    /// <summary>Moves the tensors to a device; they stay float32, for they are small and the softmax is taken in it.</summary>
    public void MoveTo(Device device)
    {
        Weight = PointwiseConvolution.Moved(Weight, device, ScalarType.Float32);
        Bias = Bias is null ? null : PointwiseConvolution.Moved(Bias, device, ScalarType.Float32);
    }

    /// <summary>The tensors by published name.</summary>
    public IEnumerable<(string Name, Tensor Tensor)> Named(string name)
    {
        yield return (name + ".weight", Weight);
        if (Bias is { } bias)
        {
            yield return (name + ".bias", bias);
        }
    }

    public void Dispose()
    {
        Weight.Dispose();
        Bias?.Dispose();
    }
}
