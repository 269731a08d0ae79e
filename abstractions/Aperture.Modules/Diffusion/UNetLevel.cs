using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Diffusion;

/// <summary>The blocks of a UNet that work on maps of one size, on the way down or up, and the convolution that leaves for the next size.</summary>
/// <param name="blocks">Residual blocks.</param>
/// <param name="transformers">A transformer behind each of them; empty for a level without attention.</param>
/// <param name="sampler">The convolution to the next size; null on the last level.</param>
/// <param name="firstAttention">Number of the level's first attention.</param>
/// <param name="place">The part of the network.</param>
internal sealed class UNetLevel(
    IReadOnlyList<ResidualBlock> blocks, IReadOnlyList<TransformerBlock> transformers, Convolution? sampler, int firstAttention, UNetPlace place)
{
    public int Blocks => blocks.Count;

    public bool HasSampler => sampler is not null;

    /// <summary>Runs a residual block and the transformer behind it.</summary>
    /// <returns><c>[N, out, H, W]</c>; the caller disposes it.</returns>
    public Tensor Run(int block, Tensor x, Tensor time, Tensor text, AttentionCapture? capture)
    {
        Tensor mixed = blocks[block].Run(x, time); // [N, in, H, W] -> [N, out, H, W]
        if (transformers.Count == 0)
        {
            return mixed;
        }

        using (mixed)
        {
            AttentionSite site = new(firstAttention + (2 * block), place, IsCross: false, (int)mixed.size(2), (int)mixed.size(3));
            return transformers[block].Run(mixed, text, capture, site);
        }
    }

    /// <summary>Runs the middle: a residual block, the transformer, a residual block.</summary>
    /// <returns><c>[N, C, H, W]</c>; the caller disposes it.</returns>
    public Tensor RunBetween(Tensor x, Tensor time, Tensor text, AttentionCapture? capture)
    {
        using Tensor first = Run(0, x, time, text, capture);
        return blocks[1].Run(first, time);
    }

    /// <summary>Makes a map smaller: <c>[N, C, H, W] -> [N, C, H / 2, W / 2]</c>; the caller disposes it.</summary>
    /// <param name="x">The map; borrowed.</param>
    /// <param name="behind">Whether a row and a column of zeros are put behind it first.</param>
    public Tensor Smaller(Tensor x, bool behind)
    {
        using Tensor? padded = behind ? F.pad(x, [0, 1, 0, 1]) : null;
        return sampler!.Run(padded ?? x);
    }

    /// <summary>Makes a map larger: <c>[N, C, H, W] -> [N, C, height, width]</c>; the caller disposes it.</summary>
    public Tensor Larger(Tensor x, long height, long width)
    {
        using Tensor enlarged = FeatureMap.Enlarged(x, height, width);
        return sampler!.Run(enlarged);
    }
}
