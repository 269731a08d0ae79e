using Aperture.Diffusion;
using static TorchSharp.torch;

namespace Aperture.Plugins.E3FaceNet.Fields;

/// <summary>The random numbers of a rendering in training, in the order in which they are drawn. What it gives the caller disposes.</summary>
internal interface IRenderNoise
{
    /// <summary>Numbers from 0 to 1.</summary>
    Tensor Uniform(params long[] shape);

    /// <summary>Standard normal numbers.</summary>
    Tensor Normal(params long[] shape);
}

/// <summary>Numbers of torch's generator.</summary>
/// <param name="random">The stream; borrowed.</param>
/// <param name="device">Where they are used.</param>
internal sealed class TorchNoise(TorchRandom random, Device device) : IRenderNoise
{
    public Tensor Uniform(params long[] shape) => Moved(random.Uniform(shape));

    public Tensor Normal(params long[] shape) => Moved(random.Normal(shape));

    private Tensor Moved(Tensor drawn)
    {
        if (device.type == TorchSharp.DeviceType.CPU)
        {
            return drawn;
        }

        using (drawn)
        {
            return drawn.to(device);
        }
    }
}
