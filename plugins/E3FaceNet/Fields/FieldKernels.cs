using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Plugins.E3FaceNet.Fields;

/// <summary>The layers of a face's field, modulated. Owns its tensors.</summary>
/// <param name="Layers">Kernels <c>[1 or B, O, I]</c> and biases <c>[O]</c>; the last pair gives density, colour and features.</param>
internal sealed record FieldKernels(IReadOnlyList<(Tensor Kernel, Tensor Bias)> Layers) : IDisposable
{
    /// <summary>Multiplies rows by the kernel of all samples, or each sample's by its own.</summary>
    /// <param name="rows"><c>[B, P, I]</c>; borrowed.</param>
    /// <param name="kernel"><c>[1 or B, O, I]</c>; borrowed.</param>
    /// <param name="bias"><c>[O]</c>; borrowed.</param>
    /// <returns><c>[B, P, O]</c>; the caller disposes it.</returns>
    public static Tensor Multiply(Tensor rows, Tensor kernel, Tensor bias)
    {
        if (kernel.size(0) == 1)
        {
            using Tensor only = kernel.select(0, 0);
            return F.linear(rows, only, bias);
        }

        using Tensor turned = kernel.transpose(1, 2);
        return rows.baddbmm(turned, bias);
    }

    /// <summary>Disposes the tensors.</summary>
    public void Dispose()
    {
        foreach ((Tensor kernel, Tensor bias) in Layers)
        {
            kernel.Dispose();
            bias.Dispose();
        }
    }
}
