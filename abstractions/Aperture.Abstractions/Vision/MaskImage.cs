namespace Aperture.Vision;

/// <summary>
/// A value a pixel, row by row from the top left, and the threshold above which a pixel is inside. Bytes (0 to 255) or floats: probabilities, logits,
/// whatever the threshold belongs to. It does not change.
/// </summary>
public sealed class MaskImage
{
    /// <summary>The threshold of bytes: half way.</summary>
    public const float ByteThreshold = 127;

    /// <summary>The threshold of floats: that of probabilities.</summary>
    public const float FloatThreshold = 0.5f;

    private readonly ReadOnlyMemory<byte> _bytes;
    private readonly ReadOnlyMemory<float> _floats;

    /// <summary>Makes a mask of bytes that nobody changes afterwards.</summary>
    /// <param name="values">A byte a pixel, <c>[height, width]</c>; kept, not copied.</param>
    /// <param name="width">Width in pixels, at least 1.</param>
    /// <param name="height">Height in pixels, at least 1.</param>
    /// <param name="threshold">Pixels above it are inside.</param>
    /// <exception cref="ArgumentException">The values are not <c>height * width</c>.</exception>
    public MaskImage(ReadOnlyMemory<byte> values, int width, int height, float threshold = ByteThreshold)
        : this(values, default, isBytes: true, width, height, threshold)
    {
    }

    /// <summary>Makes a mask of floats that nobody changes afterwards.</summary>
    /// <param name="values">A float a pixel, <c>[height, width]</c>; kept, not copied.</param>
    /// <param name="width">Width in pixels, at least 1.</param>
    /// <param name="height">Height in pixels, at least 1.</param>
    /// <param name="threshold">Pixels above it are inside.</param>
    /// <exception cref="ArgumentException">The values are not <c>height * width</c>.</exception>
    public MaskImage(ReadOnlyMemory<float> values, int width, int height, float threshold = FloatThreshold)
        : this(default, values, isBytes: false, width, height, threshold)
    {
    }

    private MaskImage(ReadOnlyMemory<byte> bytes, ReadOnlyMemory<float> floats, bool isBytes, int width, int height, float threshold)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        int count = isBytes ? bytes.Length : floats.Length;
        if (count != (long)width * height)
        {
            string name = isBytes ? nameof(bytes) : nameof(floats);
            throw new ArgumentException($"{count} values for {width}x{height} pixels; {(long)width * height} are needed.", name);
        }

        (_bytes, _floats, IsBytes, Width, Height, Threshold) = (bytes, floats, isBytes, width, height, threshold);
    }

    /// <summary>Width in pixels.</summary>
    public int Width { get; }

    /// <summary>Height in pixels.</summary>
    public int Height { get; }

    /// <summary>Pixels with a value above it are inside.</summary>
    public float Threshold { get; }

    /// <summary>Whether the values are bytes; else they are floats.</summary>
    public bool IsBytes { get; }

    /// <summary>The values of a mask of bytes, <c>[height, width]</c>; empty for one of floats.</summary>
    public ReadOnlyMemory<byte> Bytes => _bytes;

    /// <summary>The values of a mask of floats, <c>[height, width]</c>; empty for one of bytes.</summary>
    public ReadOnlyMemory<float> Floats => _floats;

    /// <summary>Pixels inside.</summary>
    public long Area
    {
        get
        {
            long area = 0;
            for (int i = 0; i < Width * Height; i++)
            {
                area += Inside(i) ? 1 : 0;
            }

            return area;
        }
    }

    /// <summary>The value of a pixel.</summary>
    /// <param name="x">Column, from 0 at the left.</param>
    /// <param name="y">Row, from 0 at the top.</param>
    public float this[int x, int y] => Value(Index(x, y));

    /// <summary>Whether a pixel is inside: its value is above the threshold.</summary>
    /// <param name="x">Column, from 0 at the left.</param>
    /// <param name="y">Row, from 0 at the top.</param>
    public bool IsInside(int x, int y) => Inside(Index(x, y));

    /// <summary>The same values under another threshold; nothing is copied.</summary>
    /// <param name="threshold">Pixels above it are inside.</param>
    public MaskImage WithThreshold(float threshold) => new(_bytes, _floats, IsBytes, Width, Height, threshold);

    /// <summary>The pixels inside both masks divided by those inside one of them; 1 where neither has any.</summary>
    /// <param name="other">A mask of the same size.</param>
    /// <exception cref="ApertureException">The sizes differ.</exception>
    public double IoU(MaskImage other)
    {
        if ((other.Width, other.Height) != (Width, Height))
        {
            throw new ApertureException($"A mask of {Width}x{Height} pixels cannot be compared with one of {other.Width}x{other.Height}; resize one of them.");
        }

        long both = 0, any = 0;
        for (int i = 0; i < Width * Height; i++)
        {
            (bool mine, bool its) = (Inside(i), other.Inside(i));
            both += mine && its ? 1 : 0;
            any += mine || its ? 1 : 0;
        }

        return any == 0 ? 1 : (double)both / any;
    }

    private int Index(int x, int y)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(x);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(x, Width);
        ArgumentOutOfRangeException.ThrowIfNegative(y);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(y, Height);
        return (y * Width) + x;
    }

    private float Value(int index) => IsBytes ? _bytes.Span[index] : _floats.Span[index];

    private bool Inside(int index) => Value(index) > Threshold;
}
