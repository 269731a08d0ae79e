using Aperture.Images;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.DitSam.Sam;

/// <summary>Where a picture lies in the square that an encoder looks at: resized to its longest side, the rest zeros.</summary>
/// <param name="Width">Width of the picture in pixels.</param>
/// <param name="Height">Height of the picture.</param>
/// <param name="Side">Side of the square.</param>
/// <param name="InnerWidth">Width of the picture in the square, at least 1.</param>
/// <param name="InnerHeight">Height of the picture in the square, at least 1.</param>
/// <param name="Left">Columns of zeros to its left.</param>
/// <param name="Top">Rows of zeros above it.</param>
internal sealed record Frame(int Width, int Height, int Side, int InnerWidth, int InnerHeight, int Left, int Top)
{
    private const int Channels = 3, Levels = 256;

    private static readonly float[] _mean = [123.675f, 116.28f, 103.53f], _deviation = [58.395f, 57.12f, 57.375f];
    private static readonly double[] _unitMean = [0.485, 0.456, 0.406], _unitDeviation = [0.229, 0.224, 0.225];
    private static readonly float[] _samValues = Values((channel, value) => (value - _mean[channel]) / _deviation[channel]);
    private static readonly float[] _ditValues = Values(
        (channel, value) => ((value / 255f) - (float)_unitMean[channel]) / (float)_unitDeviation[channel]);

    private bool IsDit { get; init; }

    /// <summary>SAM's frame: the picture in the top left, sizes rounded half up (<c>ResizeLongestSide</c>).</summary>
    public static Frame Sam(int width, int height, int side)
    {
        double scale = (double)side / Math.Max(width, height);
        return new Frame(width, height, side, Math.Max(1, (int)((width * scale) + 0.5)), Math.Max(1, (int)((height * scale) + 0.5)), 0, 0);
    }

    /// <summary>DIT's frame: the picture in the middle, sizes rounded half to even.</summary>
    /// <param name="width">Width of the picture.</param>
    /// <param name="height">Height of the picture.</param>
    /// <param name="side">Side of the square.</param>
    /// <param name="longest">Longest side of the picture in it; null for the whole square.</param>
    public static Frame Dit(int width, int height, int side, int? longest = null)
    {
        double ratio = (double)(longest ?? side) / Math.Max(width, height);
        int Scaled(int length) => Math.Max(1, (int)Math.Round(length * ratio, MidpointRounding.ToEven));
        int Before(int length) => (int)Math.Round(((side - length) / 2.0) - 0.1, MidpointRounding.ToEven);
        (int w, int h) = (Scaled(width), Scaled(height));
        return new Frame(width, height, side, w, h, Before(w), Before(h)) { IsDit = true };
    }

    /// <summary>The picture resized as it stands in the frame: bilinear with antialiasing, on bytes.</summary>
    /// <param name="image">An image of the picture's size, of any mode.</param>
    public Image Resize(Image image) => image.Resize(InnerWidth, InnerHeight, ResampleFilter.Bilinear);

    /// <summary>Normalised pixels, zeros around the picture.</summary>
    /// <param name="resized">What <see cref="Resize"/> gave, in RGB.</param>
    /// <returns>float32 <c>[1, 3, side, side]</c> on the CPU; the caller disposes it.</returns>
    public Tensor Pixels(Image resized)
    {
        ReadOnlySpan<byte> rgb = resized.ConvertToRgb().Pixels;
        float[] table = IsDit ? _ditValues : _samValues, values = new float[Channels * Side * Side];
        for (int y = 0; y < InnerHeight; y++)
        {
            for (int x = 0; x < InnerWidth; x++)
            {
                int from = Channels * ((y * InnerWidth) + x), to = ((Top + y) * Side) + Left + x;
                for (int channel = 0; channel < Channels; channel++)
                {
                    values[(channel * Side * Side) + to] = table[(channel * Levels) + rgb[from + channel]];
                }
            }
        }

        return tensor(values, [1, Channels, Side, Side], dtype: ScalarType.Float32);
    }

    /// <summary>A mask of bytes, 0 to 255, as values from 0 to 1 in the square, zeros around it.</summary>
    /// <param name="resized">What <see cref="Resize"/> gave of a grey image.</param>
    /// <returns>float32 <c>[1, side, side]</c> on the CPU; the caller disposes it.</returns>
    public Tensor Mask(Image resized)
    {
        ReadOnlySpan<byte> grey = resized.ConvertToL().Pixels;
        float[] values = new float[Side * Side];
        for (int y = 0; y < InnerHeight; y++)
        {
            for (int x = 0; x < InnerWidth; x++)
            {
                values[((Top + y) * Side) + Left + x] = grey[(y * InnerWidth) + x] / 255f;
            }
        }

        return tensor(values, [1, Side, Side], dtype: ScalarType.Float32);
    }

    /// <summary>A point of the picture in the square.</summary>
    public (double X, double Y) Place(double x, double y) => ((x * ((double)InnerWidth / Width)) + Left, (y * ((double)InnerHeight / Height)) + Top);

    /// <summary>What of a map over the square belongs to the picture.</summary>
    /// <param name="map"><c>[…, side, side]</c>; borrowed.</param>
    /// <returns><c>[…, inner height, inner width]</c>, a view; the caller disposes it.</returns>
    public Tensor Inner(Tensor map)
    {
        using Tensor rows = map.narrow(-2, Top, InnerHeight);
        return rows.narrow(-1, Left, InnerWidth);
    }

    private static float[] Values(Func<int, int, float> value) => [.. Enumerable.Range(0, Channels * Levels).Select(i => value(i / Levels, i % Levels))];
}
