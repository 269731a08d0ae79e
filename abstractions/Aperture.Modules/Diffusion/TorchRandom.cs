using static TorchSharp.torch;

namespace Aperture.Diffusion;

/// <summary>
/// Random numbers of torch's CPU generator (mt19937): those that <c>torch.manual_seed(seed)</c> or <c>torch.Generator().manual_seed(seed)</c> gives in Python,
/// on whatever device the model runs. Each object is a stream of its own; the process's generator is left alone.
/// </summary>
public sealed class TorchRandom : IDisposable
{
    private readonly Generator _generator;

    /// <summary>A stream.</summary>
    /// <param name="seed">The seed; only its low 32 bits matter.</param>
    public TorchRandom(long seed) => _generator = new Generator(unchecked((ulong)seed), CPU);

    /// <summary>Standard normal numbers (<c>torch.randn</c>).</summary>
    /// <param name="shape">The shape.</param>
    /// <returns>float32 on the CPU; the caller disposes it.</returns>
    public Tensor Normal(params long[] shape) => randn(shape, dtype: ScalarType.Float32, device: CPU, generator: _generator);

    /// <summary>Numbers from 0 to below 1 (<c>torch.rand</c>).</summary>
    /// <param name="shape">The shape.</param>
    /// <returns>float32 on the CPU; the caller disposes it.</returns>
    public Tensor Uniform(params long[] shape) => rand(shape, dtype: ScalarType.Float32, device: CPU, generator: _generator);

    /// <summary>Whole numbers from 0 to below a bound (<c>torch.randint</c>).</summary>
    /// <param name="below">The bound, above 0.</param>
    /// <param name="count">How many.</param>
    public long[] Integers(long below, int count)
    {
        using Tensor numbers = randint(0, below, new long[] { count }, dtype: ScalarType.Int64, device: CPU, generator: _generator);
        return numbers.data<long>().ToArray();
    }

    /// <summary>The numbers from 0 to below a bound in random order (<c>torch.randperm</c>).</summary>
    /// <param name="count">The bound.</param>
    public long[] Permutation(int count)
    {
        using Tensor order = randperm(count, dtype: ScalarType.Int64, device: CPU, generator: _generator);
        return order.data<long>().ToArray();
    }

    /// <summary>Ones with a probability, else zeros (<c>torch.bernoulli</c> of probabilities).</summary>
    /// <param name="probability">From 0 to 1.</param>
    /// <param name="shape">The shape.</param>
    /// <returns>float32 on the CPU; the caller disposes it.</returns>
    public Tensor Bernoulli(double probability, params long[] shape)
    {
        using Tensor drawn = Uniform(shape);
        using Tensor ones = drawn.lt((float)probability);
        return ones.to_type(ScalarType.Float32);
    }

    /// <summary>What dropout keeps: ones with a probability, else zeros, from the stream of <c>Tensor.bernoulli_</c>, which is another.</summary>
    /// <param name="probability">From 0 to 1.</param>
    /// <param name="shape">The shape.</param>
    /// <returns>float32 on the CPU; the caller disposes it.</returns>
    public Tensor Kept(double probability, params long[] shape)
        => zeros(shape, dtype: ScalarType.Float32, device: CPU).bernoulli_(probability, _generator);

    /// <summary>Releases the generator.</summary>
    public void Dispose() => _generator.Dispose();
}
