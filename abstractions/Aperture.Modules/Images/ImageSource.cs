namespace Aperture.Images;

/// <summary>Where untrusted bytes come from and what they may ask for.</summary>
internal readonly record struct ImageSource(string Name, ImageDecodeOptions Options)
{
    /// <summary>Refuses sizes that are not positive, above the limit, or too large for one array of the given bytes a pixel.</summary>
    public void CheckSize(long width, long height, int bytesPerPixel)
    {
        if (width < 1 || height < 1 || width > int.MaxValue || height > int.MaxValue)
        {
            throw Damaged($"its header says {width}x{height} pixels");
        }

        if (width * height > Options.MaxPixels)
        {
            throw new ApertureException(
                $"Image {Name} has {width}x{height} = {width * height} pixels; the limit is {Options.MaxPixels} "
                + $"({nameof(ImageDecodeOptions)}.{nameof(ImageDecodeOptions.MaxPixels)}).");
        }

        if (width * height > Array.MaxLength / bytesPerPixel)
        {
            throw new ApertureException($"Image {Name} has {width}x{height} pixels, too many for memory: make it smaller.");
        }
    }

    public ApertureException Damaged(string how) => new($"Image {Name} is damaged: {how}.");

    public ApertureException Truncated() => Damaged("the file ends before its pixels are complete");
}
