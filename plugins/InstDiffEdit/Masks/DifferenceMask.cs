namespace Aperture.Plugins.InstDiffEdit.Masks;

/// <summary>DiffEdit's mask: where the noise predicted under two sentences differs.</summary>
internal static class DifferenceMask
{
    private const double Sigma = 1;

    /// <summary>The stretched mean distance as bytes.</summary>
    public static byte[] Grey(float[] distance) => MapMath.Bytes(MapMath.Stretched(distance));

    /// <summary>The mask of a grey map: blurred, and cut at a share of 255.</summary>
    public static byte[] Binary(byte[] grey, int height, int width, double threshold)
    {
        float[] smooth = MapMath.Blurred(Array.ConvertAll(grey, value => (float)value), height, width, MapMath.Kernel(Sigma));
        return Array.ConvertAll(smooth, value => value > (float)(255.0 * threshold) ? byte.MaxValue : byte.MinValue);
    }
}
