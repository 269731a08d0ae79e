using Aperture.Images;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.InstDiffEdit;

/// <summary>Between pictures and tensors.</summary>
internal static class PictureTensors
{
    /// <summary>An RGB image as float32 <c>[1, 3, H, W]</c> from 0 to 1; the caller disposes it.</summary>
    public static Tensor Unit(Image image)
    {
        using DisposeScope scope = NewDisposeScope();
        // [H, W, 3] -> [1, 3, H, W]
        return image.ToTensor().permute(2, 0, 1).unsqueeze(0).to(ScalarType.Float32).div(255).contiguous().MoveToOuterDisposeScope();
    }

    /// <summary>The first of pictures from 0 to 1, <c>[N, 3, H, W]</c>; bytes are rounded, halves to even.</summary>
    public static Picture ToPicture(Tensor unit)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor bytes = unit[0].permute(1, 2, 0).mul(255).round().clamp(0, 255).to(ScalarType.Byte).cpu().contiguous(); // [3, H, W] -> [H, W, 3]
        return new Picture(bytes.data<byte>().ToArray(), (int)bytes.size(1), (int)bytes.size(0));
    }

    /// <summary>A mask of 0 and 255 as float32 <c>[1, 1, H, W]</c> of 0 and 1; the caller disposes it.</summary>
    public static Tensor Mask(byte[] mask, int height, int width)
        => tensor(Array.ConvertAll(mask, value => value / 255f), [1, 1, height, width]);
}
