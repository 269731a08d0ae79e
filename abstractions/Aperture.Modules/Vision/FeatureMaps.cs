using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Vision;

/// <summary>Maps of features and of pixels, <c>[batch, C, rows, columns]</c>.</summary>
public static class FeatureMaps
{
    /// <summary>Bilinear resizing in float32 with aligned corners and without antialiasing, rounded to the map's type.</summary>
    /// <param name="map"><c>[batch, C, h, w]</c>; borrowed.</param>
    /// <param name="rows">Rows wanted.</param>
    /// <param name="columns">Columns wanted.</param>
    /// <returns><c>[batch, C, rows, columns]</c>; the caller disposes it.</returns>
    public static Tensor ResizeBilinear(Tensor map, int rows, int columns)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor wide = map.to_type(ScalarType.Float32);
        // [B, C, h, w] -> [B, C, rows, columns]
        Tensor resized = F.interpolate(wide, [rows, columns], mode: InterpolationMode.Bilinear, align_corners: true, antialias: false);
        return resized.to_type(map.dtype).MoveToOuterDisposeScope();
    }

    /// <summary>The places of a map as rows, row by row.</summary>
    /// <param name="map"><c>[batch, C, h, w]</c>; borrowed.</param>
    /// <returns><c>[batch, h * w, C]</c>, contiguous; the caller disposes it.</returns>
    public static Tensor ToRows(Tensor map)
    {
        using Tensor flat = map.flatten(2); // [B, C, h, w] -> [B, C, h * w]
        using Tensor rows = flat.transpose(1, 2); // [B, C, h * w] -> [B, h * w, C]
        return rows.contiguous();
    }
}
