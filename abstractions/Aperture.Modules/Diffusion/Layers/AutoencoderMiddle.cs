using static TorchSharp.torch;

namespace Aperture.Diffusion;

/// <summary>The middle of an encoder or a decoder: residual block, attention, residual block. Borrows its tensors.</summary>
internal sealed class AutoencoderMiddle(DiffusionLoader loader, string name, int width, int groups, double epsilon)
{
    private readonly ResidualBlock _first = new(loader, name + ".resnets.0", width, width, groups, epsilon, timeWidth: 0);
    private readonly PixelAttention _attention = new(loader, name + ".attentions.0", width, groups, epsilon);
    private readonly ResidualBlock _second = new(loader, name + ".resnets.1", width, width, groups, epsilon, timeWidth: 0);

    /// <summary>Runs it: <c>[N, C, H, W]</c>, borrowed; the caller disposes the result.</summary>
    public Tensor Run(Tensor x)
    {
        using Tensor first = _first.Run(x);
        using Tensor attended = _attention.Run(first);
        return _second.Run(attended);
    }
}
