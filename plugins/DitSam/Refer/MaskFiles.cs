using Aperture.Images;

namespace Aperture.Plugins.DitSam.Refer;

/// <summary>Files with a mask.</summary>
internal static class MaskFiles
{
    private const int Threshold = 127;

    /// <summary>Reads a mask: a NumPy file, or a picture whose lighter half is inside.</summary>
    /// <param name="path">The file.</param>
    /// <returns>A grey image, 255 inside and 0 outside.</returns>
    /// <exception cref="ApertureException">The file is damaged.</exception>
    public static Image Load(string path)
    {
        if (path.EndsWith(".npy", StringComparison.OrdinalIgnoreCase))
        {
            return NumpyFile.ReadMask(path);
        }

        Image grey = Image.Load(path).ConvertToL();
        byte[] pixels = Array.ConvertAll(grey.Pixels.ToArray(), value => value > Threshold ? byte.MaxValue : byte.MinValue);
        return Image.FromPixels(ImageMode.L, pixels, grey.Width, grey.Height);
    }
}
