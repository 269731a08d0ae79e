using Aperture.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.E3FaceNet.Layers;

/// <summary>Convolutions whose input channels a style scales, sample by sample; demodulation gives each output channel unit length again.</summary>
internal static class Modulation
{
    private const double Epsilon = 1e-8;

    /// <summary>The kernels of each sample.</summary>
    /// <param name="weight"><c>[O, I, k, k]</c>; borrowed.</param>
    /// <param name="styles"><c>[B, I]</c>; borrowed.</param>
    /// <param name="demodulate">Whether output channels get unit length.</param>
    /// <returns><c>[B, O, I, k, k]</c>; the caller disposes it.</returns>
    public static Tensor Kernels(Tensor weight, Tensor styles, bool demodulate)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor scaled = weight.unsqueeze(0).mul(styles.view(styles.size(0), 1, -1, 1, 1)); // [1, O, I, k, k] x [B, 1, I, 1, 1] -> [B, O, I, k, k]
        return (demodulate ? scaled.mul(Inverse(scaled)) : scaled).MoveToOuterDisposeScope();
    }

    /// <summary>Convolves each sample with kernels of its own.</summary>
    /// <param name="x"><c>[B, I, H, W]</c>; borrowed.</param>
    /// <param name="kernels"><c>[B, O, I, k, k]</c>; borrowed.</param>
    /// <returns><c>[B, O, H, W]</c>; the caller disposes it.</returns>
    public static Tensor Convolve(Tensor x, Tensor kernels)
    {
        using DisposeScope scope = NewDisposeScope();
        int side = (int)kernels.size(-1);
        long batch = x.size(0);
        Tensor y = Convolutions.Run(
            x.reshape(1, -1, x.size(2), x.size(3)), kernels.flatten(0, 1), padding: side / 2, groups: batch); // [1, B I, H, W] -> [1, B O, H, W]
        return y.reshape(batch, -1, y.size(2), y.size(3)).MoveToOuterDisposeScope(); // -> [B, O, H, W]
    }

    /// <summary>The same with one kernel for all samples: channels are scaled before and behind it.</summary>
    /// <param name="x"><c>[B, I, H, W]</c>; borrowed.</param>
    /// <param name="weight"><c>[O, I, k, k]</c>; borrowed.</param>
    /// <param name="styles"><c>[B, I]</c>; borrowed.</param>
    /// <param name="demodulate">Whether output channels get unit length.</param>
    /// <returns><c>[B, O, H, W]</c>; the caller disposes it.</returns>
    public static Tensor ConvolveScaled(Tensor x, Tensor weight, Tensor styles, bool demodulate)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor y = Convolutions.Run(x.mul(styles.view(styles.size(0), -1, 1, 1)), weight, padding: (int)weight.size(-1) / 2);
        if (demodulate)
        {
            Tensor inverse = Inverse(weight.unsqueeze(0).mul(styles.view(styles.size(0), 1, -1, 1, 1))); // [B, O, 1, 1, 1]
            y = y.mul(inverse.squeeze(-1)); // [B, O, 1, 1]
        }

        return y.MoveToOuterDisposeScope();
    }

    private static Tensor Inverse(Tensor scaled) => scaled.square().sum([2, 3, 4], keepdim: true).add(Epsilon).rsqrt();
}
