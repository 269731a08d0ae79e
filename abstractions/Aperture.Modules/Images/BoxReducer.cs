namespace Aperture.Images;

/// <summary>Pillow's <c>reduce</c>: means over whole blocks; blocks cut by the right or bottom edge average what they hold.</summary>
internal static class BoxReducer
{
    public static byte[] Reduce(byte[] source, int sourceWidth, int channels, (int Left, int Top, int Width, int Height) box, int factorX, int factorY)
    {
        var (width, height) = (Blocks(box.Width, factorX), Blocks(box.Height, factorY));
        var target = new byte[width * height * channels];
        for (int by = 0, o = 0; by < height; by++)
        {
            var rows = Math.Min(factorY, box.Height - by * factorY);
            for (var bx = 0; bx < width; bx++)
            {
                var columns = Math.Min(factorX, box.Width - bx * factorX);
                var area = (uint)(rows * columns);
                var multiplier = (uint)(4294967296f / (area << 8)); // 2^24 / area in single precision, as Pillow has it
                for (var c = 0; c < channels; c++)
                {
                    var sum = area / 2;
                    for (var y = 0; y < rows; y++)
                    {
                        var i = ((box.Top + by * factorY + y) * sourceWidth + box.Left + bx * factorX) * channels + c;
                        for (var x = 0; x < columns; x++, i += channels)
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
        var (width, height) = (Blocks(box.Width, factorX), Blocks(box.Height, factorY));
        var target = new T[width * height];
        for (int by = 0, o = 0; by < height; by++)
        {
            var rows = Math.Min(factorY, box.Height - by * factorY);
            for (var bx = 0; bx < width; bx++)
            {
                var columns = Math.Min(factorX, box.Width - bx * factorX);
                var sum = 0.0;
                for (var y = 0; y < rows; y++)
                {
                    var i = (box.Top + by * factorY + y) * sourceWidth + box.Left + bx * factorX;
                    for (var x = 0; x < columns; x++, i++)
                    {
                        sum += source is int[] integers ? integers[i] : (double)((float[])(object)source)[i];
                    }
                }

                var mean = sum * (1.0 / (rows * columns));
                target[o++] = typeof(T) == typeof(int) ? (T)(object)WideResampler.Round(mean) : (T)(object)(float)mean;
            }
        }

        return target;
    }

    public static int Blocks(int size, int factor) => (size + factor - 1) / factor;
}
