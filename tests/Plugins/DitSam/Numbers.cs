using static TorchSharp.torch;

namespace Aperture.Plugins.DitSam.Tests;

/// <summary>Numbers that anybody can make again: a linear congruential generator, the same on every machine.</summary>
internal static class Numbers
{
    private const long Factor = 1103515245, Increment = 12345, Modulus = 1L << 31, FirstSeed = 12345, SeedStep = 7919;

    /// <summary>Values from -1 to 1.</summary>
    /// <param name="seed">Where the generator starts.</param>
    /// <param name="shape">The shape; the caller disposes the tensor.</param>
    public static Tensor Stream(long seed, params long[] shape)
    {
        float[] values = new float[shape.Aggregate(1L, (product, size) => product * size)];
        long x = seed;
        for (int i = 0; i < values.Length; i++)
        {
            x = ((Factor * x) + Increment) % Modulus;
            values[i] = (float)((2.0 * x / Modulus) - 1);
        }

        return tensor(values, shape);
    }

    /// <summary>Fills a module: each tensor's seed is its place among the names in ordinal order.</summary>
    /// <param name="shapes">Shapes by name inside the module.</param>
    /// <param name="prefix">What stands before the names in the result.</param>
    public static IEnumerable<(string Name, Tensor Tensor)> Fill(IReadOnlyDictionary<string, long[]> shapes, string prefix)
    {
        foreach ((int place, string name) in shapes.Keys.Order(StringComparer.Ordinal).Index())
        {
            long[] shape = shapes[name];
            using Tensor stream = Stream(FirstSeed + (SeedStep * place), shape);
            double scale = shape.Length > 1 ? Math.Sqrt(3.0 * shape[0] / stream.numel()) : 0.1;
            bool gain = shape.Length == 1 && name.EndsWith("weight", StringComparison.Ordinal);
            using Tensor scaled = stream.mul(scale);
            yield return (prefix + name, scaled.add(gain ? 1 : 0));
        }
    }
}
