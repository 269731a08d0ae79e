namespace Aperture.Vision;

/// <summary>A picture in memory: interleaved RGB bytes, row by row from the top left. It does not change.</summary>
public sealed class Picture
{
    private const int Channels = 3;

    /// <summary>Makes a picture over bytes that nobody changes afterwards.</summary>
    /// <param name="rgb">Red, green and blue of each pixel, <c>[height, width, 3]</c>; kept, not copied.</param>
    /// <param name="width">Width in pixels, at least 1.</param>
    /// <param name="height">Height in pixels, at least 1.</param>
    /// <exception cref="ArgumentException">The bytes are not <c>height * width * 3</c>.</exception>
    public Picture(ReadOnlyMemory<byte> rgb, int width, int height)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        if (rgb.Length != (long)width * height * Channels)
        {
            throw new ArgumentException($"{rgb.Length} bytes for {width}x{height} pixels of RGB; {(long)width * height * Channels} are needed.", nameof(rgb));
        }

        (Rgb, Width, Height) = (rgb, width, height);
    }

    /// <summary>The bytes, <c>[height, width, 3]</c>.</summary>
    public ReadOnlyMemory<byte> Rgb { get; }

    /// <summary>Width in pixels.</summary>
    public int Width { get; }

    /// <summary>Height in pixels.</summary>
    public int Height { get; }
}
