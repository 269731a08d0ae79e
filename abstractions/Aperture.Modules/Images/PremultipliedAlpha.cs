namespace Aperture.Images;

/// <summary>Multiplies colours by alpha before resampling and divides them afterwards, in Pillow's 8-bit arithmetic.</summary>
internal static class PremultipliedAlpha
{
    public static byte[] Multiply(byte[] pixels, int channels)
    {
        byte[] result = new byte[pixels.Length];
        for (int i = 0; i < pixels.Length; i += channels)
        {
            byte alpha = pixels[i + channels - 1];
            for (int c = 0; c < channels - 1; c++)
            {
                int product = pixels[i + c] * alpha + 128;
                result[i + c] = (byte)(((product >> 8) + product) >> 8);
            }

            result[i + channels - 1] = alpha;
        }

        return result;
    }

    public static byte[] Divide(byte[] pixels, int channels)
    {
        byte[] result = new byte[pixels.Length];
        for (int i = 0; i < pixels.Length; i += channels)
        {
            byte alpha = pixels[i + channels - 1];
            for (int c = 0; c < channels - 1; c++)
            {
                result[i + c] = alpha is 0 or 255 ? pixels[i + c] : (byte)Math.Min(255, 255 * pixels[i + c] / alpha);
            }

            result[i + channels - 1] = alpha;
        }

        return result;
    }
}
