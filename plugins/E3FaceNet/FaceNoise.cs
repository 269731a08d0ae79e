using Aperture.Diffusion;
using static TorchSharp.torch;

namespace Aperture.Plugins.E3FaceNet;

/// <summary>
/// The random numbers of a seed in the order of the published programs: numpy's legacy stream for the face, torch's for what is behind it.
/// </summary>
internal sealed class FaceNoise(long seed) : IDisposable
{
    private readonly TorchRandom _torch = new(seed);

    /// <summary>The face's noise; the caller disposes it.</summary>
    /// <param name="seed">The seed, 0 to 2^32 - 1.</param>
    /// <param name="width">Its width.</param>
    /// <returns>float32 <c>[1, width]</c>.</returns>
    public static Tensor Face(long seed, int width)
    {
        NumpyRandom random = new((uint)seed);
        return tensor([.. Enumerable.Range(0, width).Select(_ => (float)random.NextNormal())], [1, width]);
    }

    /// <summary>
    /// The next noise of the background; the caller disposes it. Two latents are drawn, each of them twice, and of all that one is used.
    /// </summary>
    /// <param name="width">Its width.</param>
    /// <param name="temperature">Factor on it.</param>
    /// <param name="batch">Faces.</param>
    /// <returns>float32 <c>[batch, width]</c>.</returns>
    public Tensor Background(int width, double temperature, int batch = 1)
    {
        _torch.Normal(batch, width).Dispose();
        using Tensor used = _torch.Normal(batch, width);
        _torch.Normal(batch, width).Dispose();
        _torch.Normal(batch, width).Dispose();
        return used.mul(temperature);
    }

    public void Dispose() => _torch.Dispose();
}
