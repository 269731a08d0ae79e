namespace Aperture.Images;

/// <summary>Nearest-neighbour resizing. Source coordinates are found by adding up the step, as Pillow does, so that rounding falls alike.</summary>
internal static class NearestSampler
{
    public static Image Resize(
        Image image, int width, int height, (float Left, float Top, float Right, float Bottom) box, int left, int top, int windowWidth, int windowHeight)
    {
        int[] columns = Coordinates(box.Left, box.Right, width, image.Width, left, windowWidth);
        int[] rows = Coordinates(box.Top, box.Bottom, height, image.Height, top, windowHeight);
        Array pixels = image.RawPixels switch
        {
            byte[] bytes => Pick(bytes, image, columns, rows),
            int[] integers => Pick(integers, image, columns, rows),
            var singles => Pick((float[])singles, image, columns, rows),
        };
        return image.With(pixels, windowWidth, windowHeight);
    }

    private static int[] Coordinates(float from, float to, int outSize, int inSize, int start, int count)
    {
        int[] coordinates = new int[count];
        double step = (double)(to - from) / outSize;
        double position = from + step * 0.5;
        for (int i = 0; i < start + count; i++)
        {
            if (i >= start)
            {
                coordinates[i - start] = Math.Clamp((int)position, 0, inSize - 1);
            }

            position += step;
        }

        return coordinates;
    }

    private static T[] Pick<T>(T[] source, Image image, int[] columns, int[] rows)
    {
        int channels = image.Channels;
        T[] target = new T[checked(columns.Length * rows.Length * channels)];
        int o = 0;
        foreach (int row in rows)
        {
            foreach (int column in columns)
            {
                int i = (row * image.Width + column) * channels;
                for (int c = 0; c < channels; c++)
                {
                    target[o++] = source[i + c];
                }
            }
        }

        return target;
    }
}
