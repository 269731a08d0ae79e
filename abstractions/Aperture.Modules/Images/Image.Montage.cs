namespace Aperture.Images;

public sealed partial class Image
{
    /// <summary>Pictures side by side, row by row, on white. Each has a cell of the largest one's size and stands in its upper left corner.</summary>
    /// <param name="images">The pictures, of any mode; at least one.</param>
    /// <param name="columns">How many stand in a row; the last row may be shorter.</param>
    /// <param name="gap">White pixels between and around the cells.</param>
    /// <returns>An RGB image.</returns>
    /// <exception cref="ArgumentException">There is no picture, or a number is too small.</exception>
    public static Image Montage(IReadOnlyList<Image> images, int columns, int gap = 4)
    {
        ArgumentNullException.ThrowIfNull(images);
        ArgumentOutOfRangeException.ThrowIfZero(images.Count, nameof(images));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(columns);
        ArgumentOutOfRangeException.ThrowIfNegative(gap);
        int across = images.Max(image => image.Width) + gap, down = images.Max(image => image.Height) + gap;
        int rows = (images.Count + columns - 1) / columns;
        Image sheet = Filled((Math.Min(columns, images.Count) * across) + gap, (rows * down) + gap, byte.MaxValue, byte.MaxValue, byte.MaxValue);
        for (int i = 0; i < images.Count; i++)
        {
            images[i].ConvertToRgb().CopyOnto(sheet.RawPixels, sheet.Width, sheet.Height, gap + (i % columns * across), gap + (i / columns * down));
        }

        return sheet;
    }
}
