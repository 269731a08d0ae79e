using Aperture.Files;
using Aperture.Images;
using Aperture.Plugins.DitSam.Dit;

namespace Aperture.Plugins.DitSam.Refer;

/// <summary>Files with a mask.</summary>
internal static class MaskFiles
{
    private const int Threshold = 127;

    /// <summary>Reads a mask: a NumPy file of bytes or truth values, of which what is not 0 is inside; or a picture whose lighter half is.</summary>
    /// <param name="path">The file.</param>
    /// <returns>A grey image, 255 inside and 0 outside.</returns>
    /// <exception cref="ApertureException">The file is damaged, or holds something else.</exception>
    public static Image Load(string path)
    {
        if (path.EndsWith(".npy", StringComparison.OrdinalIgnoreCase))
        {
            NumpyArray array = NumpyFile.Read(path);
            return array is { ItemSize: 1, Kind: 'u' or 'i' or 'b', Shape: [> 0 and <= int.MaxValue, > 0 and <= int.MaxValue] }
                ? Mask(array.Bytes.ToArray(), 0, (int)array.Shape[1], (int)array.Shape[0])
                : throw new ApertureException(
                    $"{DitFactory.SegmenterName}: '{path}' holds no plane of bytes or truth values (dtype |u1, |i1 or |b1, two dimensions), as a mask is.");
        }

        Image grey = Image.Load(path).ConvertToL();
        return Mask(grey.Pixels.ToArray(), Threshold, grey.Width, grey.Height);
    }

    private static Image Mask(byte[] values, byte threshold, int width, int height)
        => Image.FromPixels(ImageMode.L, Array.ConvertAll(values, value => value > threshold ? byte.MaxValue : byte.MinValue), width, height);
}
