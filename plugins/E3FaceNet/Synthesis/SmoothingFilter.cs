using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Plugins.E3FaceNet.Synthesis;

/// <summary>The filter behind an enlarging: 1, 3, 3, 1 along both axes, zeros around the map.</summary>
internal static class SmoothingFilter
{
    private static readonly float[] _taps = [1 / 8f, 3 / 8f, 3 / 8f, 1 / 8f];

    /// <summary>Filters, one axis after the other.</summary>
    /// <param name="x"><c>[B, C, H, W]</c>; borrowed.</param>
    /// <returns><c>[B, C, H, W]</c>; the caller disposes it.</returns>
    public static Tensor Run(Tensor x)
    {
        using DisposeScope scope = NewDisposeScope();
        long channels = x.size(1);
        Tensor taps = tensor(_taps, dtype: x.dtype, device: x.device);
        Tensor across = taps.view(1, 1, 1, 4).expand(channels, 1, 1, 4), down = taps.view(1, 1, 4, 1).expand(channels, 1, 4, 1);
        using Tensor wide = F.pad(x, [2, 1, 2, 1]); // two zeros on the left and above, one on the right and below
        using Tensor smooth = F.conv2d(wide, across, groups: channels); // [B, C, H + 3, W + 3] -> [B, C, H + 3, W]
        return F.conv2d(smooth, down, groups: channels).MoveToOuterDisposeScope(); // -> [B, C, H, W]
    }
}
