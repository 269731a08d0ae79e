using Aperture.Diffusion;
using static TorchSharp.torch;

namespace Aperture.Plugins.InstDiffEdit;

/// <summary>The random numbers of an edit. What it gives the caller disposes: float32 on the CPU.</summary>
internal interface IEditNoise
{
    /// <summary>For the latent of the picture.</summary>
    Tensor Encoding(long[] shape);

    /// <summary>For the start of the mask stage: one row a sample.</summary>
    /// <param name="shape">The shape of one sample, <c>[1, C, H, W]</c>.</param>
    /// <param name="samples">Samples.</param>
    Tensor Start(long[] shape, int samples);

    /// <summary>For the start of the inpainting model, and for the latent of what it is to leave.</summary>
    (Tensor Start, Tensor Encoding) Painting(long[] shape);
}

/// <summary>
/// Torch's random numbers of a seed, in the order of the published scripts: the seed draws a seed of 62 bits for each sample, and each of those its noise; the
/// inpainting model has the seed's own stream. The scripts leave the noise of the picture's latent to chance; here it is the seed's stream too.
/// </summary>
/// <param name="seed">The seed.</param>
/// <param name="nested">Whether the samples' seeds come from one that the seed draws first, as DiffEdit's do.</param>
internal sealed class SeededNoise(long seed, bool nested = false) : IEditNoise
{
    private const long SeedBound = 1L << 62;

    /// <summary>The seeds of samples.</summary>
    public static long[] Seeds(long seed, int samples)
    {
        using TorchRandom random = new(seed);
        return random.Integers(SeedBound, samples);
    }

    public Tensor Encoding(long[] shape) => Normal(seed, shape);

    public Tensor Start(long[] shape, int samples)
    {
        long[] seeds = Seeds(nested ? Seeds(seed, 1)[0] : seed, samples);
        Tensor[] each = [.. seeds.Select(own => Normal(own, shape))];
        try
        {
            return cat(each, 0); // [1, C, H, W] each -> [samples, C, H, W]
        }
        finally
        {
            Array.ForEach(each, noise => noise.Dispose());
        }
    }

    public (Tensor Start, Tensor Encoding) Painting(long[] shape)
    {
        using TorchRandom random = new(seed);
        return (random.Normal(shape), random.Normal(shape));
    }

    private static Tensor Normal(long seed, long[] shape)
    {
        using TorchRandom random = new(seed);
        return random.Normal(shape);
    }
}
