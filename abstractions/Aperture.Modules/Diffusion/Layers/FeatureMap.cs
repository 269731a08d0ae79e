using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Diffusion;

/// <summary>
/// Maps of features in the one layout that the networks keep them in: <c>[N, C, H, W]</c> whose channels lie next to each other in memory, so that the rows
/// <c>[N, H W, C]</c> of an attention are the same memory, and convolutions need no other order.
/// </summary>
internal static class FeatureMap
{
    /// <summary>The map with its channels innermost; the caller disposes it.</summary>
    public static Tensor Of(Tensor x)
    {
        using Tensor places = x.permute(0, 2, 3, 1); // [N, C, H, W] -> [N, H, W, C]
        using Tensor packed = places.contiguous();
        return packed.permute(0, 3, 1, 2); // -> [N, C, H, W]
    }

    /// <summary>The rows of a map; the caller disposes them.</summary>
    public static Tensor Rows(Tensor map)
    {
        using Tensor places = map.permute(0, 2, 3, 1); // [N, C, H, W] -> [N, H, W, C]
        return places.flatten(1, 2); // -> [N, H W, C]
    }

    /// <summary>The map of rows; the caller disposes it.</summary>
    public static Tensor OfRows(Tensor rows, long height, long width)
    {
        using Tensor places = rows.unflatten(1, [height, width]); // [N, H W, C] -> [N, H, W, C]
        return places.permute(0, 3, 1, 2); // -> [N, C, H, W]
    }

    /// <summary>The map enlarged by repeating pixels; the caller disposes it.</summary>
    public static Tensor Enlarged(Tensor map, long height, long width)
        => F.interpolate(map, [height, width], mode: InterpolationMode.Nearest); // [N, C, H, W] -> [N, C, height, width]
}
