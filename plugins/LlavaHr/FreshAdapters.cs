using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.LlavaHr;

/// <summary>Adapters before any training: both of their paths end in zeros, so that they change nothing.</summary>
internal static class FreshAdapters
{
    /// <summary>The word that asks for them where a file of adapters is named.</summary>
    public const string Word = "fresh";

    /// <summary>Makes all adapters.</summary>
    /// <param name="keys">The names they get.</param>
    /// <param name="slowWidth">Channels of the high-resolution map.</param>
    /// <param name="width">Channels of the transformer's rows.</param>
    /// <param name="seed">Seed of what is drawn.</param>
    /// <returns>float32; the caller disposes it.</returns>
    public static IWeightSource Make(LlavaHrKeys keys, int slowWidth, int width, long seed)
    {
        using Generator generator = new((ulong)seed, CPU);
        Dictionary<string, Tensor> tensors = new(StringComparer.Ordinal);
        for (int adapter = 0; adapter < HighResolutionParts.AdapterCount; adapter++)
        {
            foreach ((string name, long[] shape) in MrAdapter.Shapes(slowWidth, width))
            {
                string full = keys.Adapter(adapter) + name;
                (double weight, double bias) = Bounds(name, shape);
                tensors[full + ".weight"] = Uniform(shape, weight, generator);
                tensors[full + ".bias"] = Uniform([shape[0]], bias, generator);
            }
        }

        return new TensorWeights(tensors);
    }

    // The projections start at zero, the convolutions as Xavier says, the gate as a linear layer does.
    private static (double Weight, double Bias) Bounds(string name, long[] shape)
    {
        long inside = shape.Skip(2).Aggregate(1L, (product, size) => product * size), inputs = shape[1] * inside, outputs = shape[0] * inside;
        return name switch
        {
            "slow_conv" or "fast_conv" => (Math.Sqrt(6.0 / (inputs + outputs)), 0),
            "slow_proj" or "fast_proj" => (0, 0),
            _ => (1 / Math.Sqrt(inputs), 1 / Math.Sqrt(inputs)),
        };
    }

    private static Tensor Uniform(long[] shape, double bound, Generator generator)
    {
        using Tensor drawn = rand(shape, dtype: ScalarType.Float32, generator: generator);
        using Tensor centred = drawn.mul(2).sub(1);
        return centred.mul(bound).DetachFromDisposeScope();
    }
}
