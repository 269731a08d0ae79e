namespace Aperture.Images;

/// <summary>Pillow's <c>reduce</c>: means over whole blocks; blocks cut by the right or bottom edge average what they hold.</summary>
internal static class BoxReducer
{
    public static byte[] Reduce(byte[] source, int sourceWidth, int channels, (int Left, int Top, int Width, int Height) box, int factorX, int factorY)
    {
        (int width, int height) = (Blocks(box.Width, factorX), Blocks(box.Height, factorY));
        byte[] target = new byte[width * height * channels];
        for (int by = 0, o = 0; by < height; by++)
        {
            int rows = Math.Min(factorY, box.Height - by * factorY);
            for (int bx = 0; bx < width; bx++)
            {
                int columns = Math.Min(factorX, box.Width - bx * factorX);
                uint area = (uint)(rows * columns);
                uint multiplier = (uint)(4294967296f / (area << 8)); // 2^24 / area in single precision, as Pillow has it
                for (int c = 0; c < channels; c++)
                {
                    uint sum = area / 2;
                    for (int y = 0; y < rows; y++)
                    {
                        int i = ((box.Top + by * factorY + y) * sourceWidth + box.Left + bx * factorX) * channels + c;
                        for (int x = 0; x < columns; x++, i += channels)
                        {
                            sum += source[i];
                        }
                    }

                    target[o++] = (byte)((sum * multiplier) >> 24);
                }
            }
        }

        return target;
    }

    public static T[] Reduce<T>(T[] source, int sourceWidth, (int Left, int Top, int Width, int Height) box, int factorX, int factorY)
        where T : struct
    {
        (int width, int height) = (Blocks(box.Width, factorX), Blocks(box.Height, factorY));
        T[] target = new T[width * height];
        for (int by = 0, o = 0; by < height; by++)
        {
            int rows = Math.Min(factorY, box.Height - by * factorY);
            for (int bx = 0; bx < width; bx++)
            {
                int columns = Math.Min(factorX, box.Width - bx * factorX);
                double sum = 0.0;
                for (int y = 0; y < rows; y++)
                {
                    int i = (box.Top + by * factorY + y) * sourceWidth + box.Left + bx * factorX;
                    for (int x = 0; x < columns; x++, i++)
                    {
                        sum += source is int[] integers ? integers[i] : (double)((float[])(object)source)[i];
                    }
                }

                double mean = sum * (1.0 / (rows * columns));
                target[o++] = typeof(T) == typeof(int) ? (T)(object)WideResampler.Round(mean) : (T)(object)(float)mean;
            }
        }

        return target;
    }

    public static int Blocks(int size, int factor) => (size + factor - 1) / factor;
}
