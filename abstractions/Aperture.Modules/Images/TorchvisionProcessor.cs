using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Images;

/// <summary>What <see cref="TorchvisionProcessor"/> does to an image.</summary>
public sealed record TorchvisionProcessorConfig
{
    /// <summary>Side of the square result in pixels.</summary>
    public required int Size { get; init; }

    /// <summary>
    /// Whether the shorter edge is resized to <see cref="Size"/> and the centre cut out; else both edges are resized, whatever the aspect ratio.
    /// </summary>
    public bool CropCentre { get; init; } = true;

    /// <summary>The filter of the resize.</summary>
    public ResampleFilter Resample { get; init; } = ResampleFilter.Bicubic;

    /// <summary>Mean of red, green, blue; CLIP's by default.</summary>
    public IReadOnlyList<double> Mean { get; init; } = [0.48145466, 0.4578275, 0.40821073];

    /// <summary>Standard deviation of red, green, blue; CLIP's by default.</summary>
    public IReadOnlyList<double> Deviation { get; init; } = [0.26862954, 0.26130258, 0.27577711];

    /// <summary>Mean over ImageNet.</summary>
    public static IReadOnlyList<double> ImageNetMean { get; } = [0.485, 0.456, 0.406];

    /// <summary>Standard deviation over ImageNet.</summary>
    public static IReadOnlyList<double> ImageNetDeviation { get; } = [0.229, 0.224, 0.225];
}

/// <summary>
/// torchvision's usual chain on a Pillow image, number for number: Resize, CenterCrop (if asked for), conversion to RGB, ToTensor, Normalize. It differs from
/// <see cref="ClipImageProcessor"/> in that the image is resized in its own mode (RGBA with premultiplied alpha) and in that the crop's corner is rounded half
/// to even.
/// </summary>
public sealed class TorchvisionProcessor
{
    private const int Channels = 3, Levels = 256;

    private readonly float[] _values = new float[Channels * Levels]; // the result for each 8-bit value of each channel

    /// <summary>Creates a processor.</summary>
    /// <param name="config">What to do.</param>
    /// <exception cref="ApertureException">The size is below 1, or mean or deviation are not three usable numbers.</exception>
    public TorchvisionProcessor(TorchvisionProcessorConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        Config = config;
        if (config.Size < 1)
        {
            throw new ApertureException($"Image processor: the size must be at least 1 pixel, but is {config.Size}.");
        }

        if (config.Mean.Count != Channels || config.Deviation.Count != Channels || config.Deviation.Any(deviation => (float)deviation == 0))
        {
            throw new ApertureException(
                $"Image processor: mean and deviation must have three values each, no deviation 0, but are [{string.Join(", ", config.Mean)}] and "
                + $"[{string.Join(", ", config.Deviation)}].");
        }

        for (int i = 0; i < _values.Length; i++)
        {
            (int channel, int value) = (i / Levels, i % Levels);
            _values[i] = ((value / 255f) - (float)config.Mean[channel]) / (float)config.Deviation[channel];
        }
    }

    /// <summary>What the processor does.</summary>
    public TorchvisionProcessorConfig Config { get; }

    /// <summary>Processes one image.</summary>
    /// <param name="image">An image of any mode; alpha is dropped at the end, orientation is not applied.</param>
    /// <returns>float32 <c>[3, size, size]</c> on the CPU; the caller disposes it.</returns>
    /// <exception cref="ApertureException">The image is so elongated that its resized form would be too large.</exception>
    public Tensor Process(Image image)
    {
        ArgumentNullException.ThrowIfNull(image);
        ReadOnlySpan<byte> pixels = Resize(image).ConvertToRgb().Pixels;
        int plane = Config.Size * Config.Size;
        float[] values = new float[Channels * plane];
        for (int p = 0; p < plane; p++)
        {
            for (int channel = 0; channel < Channels; channel++)
            {
                values[(channel * plane) + p] = _values[(channel * Levels) + pixels[(Channels * p) + channel]];
            }
        }

        return tensor(values, [Channels, Config.Size, Config.Size], dtype: ScalarType.Float32);
    }

    private Image Resize(Image image)
    {
        int size = Config.Size;
        if (!Config.CropCentre)
        {
            return image.Resize(size, size, Config.Resample);
        }

        (int shorter, int longer) = (Math.Min(image.Width, image.Height), Math.Max(image.Width, image.Height));
        double scaled = Math.Truncate((double)((long)size * longer) / shorter);
        if (scaled > int.MaxValue)
        {
            throw new ApertureException(
                $"An image of {image.Width}x{image.Height} pixels is too elongated to be resized to a shortest edge of {size}: crop it first.");
        }

        (int width, int height) = image.Width <= image.Height ? (size, (int)scaled) : ((int)scaled, size);
        (int left, int top) = (Corner(width), Corner(height));

        // Only the part that the crop keeps is resized: the numbers are the same.
        ResampleFilter filter = image.Mode is ImageMode.P or ImageMode.Bilevel ? ResampleFilter.Nearest : Config.Resample;
        return PilResize.ResizeWindow(image, width, height, filter, new ImageBox(0, 0, image.Width, image.Height), left, top, size, size);
    }

    // Python's round(): half to even.
    private int Corner(int length) => (int)Math.Round((length - Config.Size) / 2.0, MidpointRounding.ToEven);
}
