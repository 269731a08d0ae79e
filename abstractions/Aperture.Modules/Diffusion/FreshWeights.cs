using Aperture.Decoding;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Diffusion;

/// <summary>
/// Weights that a model begins with, as torch's modules do: uniform within one over the root of the inputs, gains 1, biases 0, tables normal with deviation
/// 0.02.
/// </summary>
internal sealed class FreshWeights(WeightPolicy policy, long seed) : IDisposable
{
    private const double TableDeviation = 0.02;

    private readonly TorchRandom _random = new(seed);

    /// <summary>A checkpoint without tensors.</summary>
    public IWeightSource None { get; } = new TensorWeights(new Dictionary<string, Tensor>());

    /// <summary>Makes a tensor; the caller disposes it.</summary>
    public Tensor Make(string name, long[] shape)
    {
        using DisposeScope scope = NewDisposeScope();
        return Values(name, shape).to(policy.Compute, policy.Device).MoveToOuterDisposeScope();
    }

    public void Dispose()
    {
        _random.Dispose();
        None.Dispose();
    }

    private Tensor Values(string name, long[] shape)
    {
        if (shape.Length == 1)
        {
            return name.EndsWith(".weight", StringComparison.Ordinal) ? ones(shape) : zeros(shape);
        }

        if (name.EndsWith("embedding.weight", StringComparison.Ordinal))
        {
            return _random.Normal(shape).mul_(TableDeviation);
        }

        double bound = 1 / Math.Sqrt(shape[1..].Aggregate(1.0, (product, size) => product * size));
        return _random.Uniform(shape).mul_(2 * bound).sub_(bound);
    }
}
