namespace Aperture.Plugins.DitSam.Dit;

/// <summary>
/// Bilinear resizing without antialiasing, as OpenCV does it on floats: weights in float32, edges repeated, rows then columns. Where nothing but 0 is near, the
/// result is exactly 0, on which the published evaluation relies.
/// </summary>
internal static class LinearResize
{
    /// <summary>Resizes a map of one channel.</summary>
    /// <param name="values">Row by row, <c>[height, width]</c>.</param>
    /// <param name="width">Its width.</param>
    /// <param name="height">Its height.</param>
    /// <param name="newWidth">Width wanted.</param>
    /// <param name="newHeight">Height wanted.</param>
    /// <returns><c>[new height, new width]</c>.</returns>
    public static float[] Run(ReadOnlySpan<float> values, int width, int height, int newWidth, int newHeight)
    {
        (int[] columns, float[] right) = Taps(width, newWidth);
        (int[] rows, float[] below) = Taps(height, newHeight);
        float[] upper = new float[newWidth], lower = new float[newWidth], result = new float[newWidth * newHeight];
        for (int y = 0; y < newHeight; y++)
        {
            Row(values.Slice(rows[y] * width, width), columns, right, upper);
            Row(values.Slice(Math.Min(rows[y] + 1, height - 1) * width, width), columns, right, lower);
            for (int x = 0; x < newWidth; x++)
            {
                result[(y * newWidth) + x] = (upper[x] * (1 - below[y])) + (lower[x] * below[y]);
            }
        }

        return result;
    }

    private static void Row(ReadOnlySpan<float> row, int[] columns, float[] right, float[] result)
    {
        for (int x = 0; x < result.Length; x++)
        {
            int next = Math.Min(columns[x] + 1, row.Length - 1);
            result[x] = (row[columns[x]] * (1 - right[x])) + (row[next] * right[x]);
        }
    }

    // For each new place the old one before it and the weight of the one behind.
    private static (int[] Before, float[] Weights) Taps(int length, int wanted)
    {
        double scale = 1 / ((double)wanted / length);
        (int[] before, float[] weights) = (new int[wanted], new float[wanted]);
        for (int i = 0; i < wanted; i++)
        {
            float at = (float)(((i + 0.5) * scale) - 0.5);
            int floor = (int)MathF.Floor(at);
            bool inside = floor >= 0 && floor < length - 1;
            (before[i], weights[i]) = (Math.Clamp(floor, 0, length - 1), inside ? at - floor : 0);
        }

        return (before, weights);
    }
}
