namespace Aperture.Images;

/// <summary>Limits on what <see cref="Image.Load"/> and <see cref="Image.Decode"/> accept.</summary>
public sealed record ImageDecodeOptions
{
    /// <summary>The options used when none are given.</summary>
    public static ImageDecodeOptions Default { get; } = new();

    /// <summary>
    /// Largest number of pixels (width times height) an image may have. It is checked against the file's header before anything of that size is allocated.
    /// The default, 178 956 970, is the number above which Pillow refuses a file as a decompression bomb.
    /// </summary>
    public long MaxPixels { get; init; } = 178_956_970;

    /// <summary>Largest file, in bytes, that is read. The default is 1 GiB.</summary>
    public long MaxFileBytes { get; init; } = 1L << 30;
}
