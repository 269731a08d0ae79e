using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Images;

/// <summary>
/// Turns an image into the pixel values that a CLIP or SigLIP tower expects, number for number as transformers' CLIPImageProcessor and SiglipImageProcessor and
/// LLaVA's padding do: pad (if asked), resize, centre crop, rescale, normalise.
/// </summary>
public sealed class ClipImageProcessor
{
    private readonly float[] _values = new float[3 * 256]; // the result for each 8-bit value of each channel

    /// <summary>Creates a processor.</summary>
    /// <param name="config">What to do.</param>
    /// <exception cref="ApertureException">The configuration has a size below 1 or a mean or deviation that is not three usable numbers.</exception>
    public ClipImageProcessor(ClipImageProcessorConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        Config = config;
        if ((config.ShortestEdge ?? Math.Min(config.Height, config.Width)) < 1 || config.CropHeight < 1 || config.CropWidth < 1)
        {
            throw new ApertureException(
                $"Image processor: sizes must be at least 1 pixel, but resize is {config.ShortestEdge?.ToString() ?? $"{config.Width}x{config.Height}"} and "
                + $"crop {config.CropWidth}x{config.CropHeight}.");
        }

        if (config.ImageMean.Count != 3 || config.ImageStd.Count != 3 || config.ImageStd.Any(s => (float)s == 0))
        {
            throw new ApertureException(
                "Image processor: image_mean and image_std must have three values each, none of image_std 0, but are "
                + $"[{string.Join(", ", config.ImageMean)}] and [{string.Join(", ", config.ImageStd)}].");
        }

        for (int i = 0; i < _values.Length; i++)
        {
            (int channel, int value) = (i / 256, i % 256);
            float scaled = (float)(config.DoRescale ? value * config.RescaleFactor : value); // in double, then rounded
            _values[i] = config.DoNormalize ? (scaled - (float)config.ImageMean[channel]) / (float)config.ImageStd[channel] : scaled;
        }
    }

    /// <summary>What the processor does.</summary>
    public ClipImageProcessorConfig Config { get; }

    /// <summary>
    /// The colour that <see cref="ClipImageProcessorConfig.PadToSquare"/> pads with: the mean, truncated to 8 bits; (122, 116, 104) for CLIP.
    /// </summary>
    public (byte Red, byte Green, byte Blue) PaddingColour => (Padding(0), Padding(1), Padding(2));

    /// <summary>Processes one image.</summary>
    /// <param name="image">An image of any mode; alpha is dropped, orientation is not applied.</param>
    /// <returns>float32 [3, height, width] on the CPU, a new tensor; the caller disposes it.</returns>
    /// <exception cref="ApertureException">The image is so elongated that its padded or resized form would be too large.</exception>
    public Tensor Process(Image image)
    {
        ArgumentNullException.ThrowIfNull(image);
        Image prepared = Prepare(image);
        (byte[]? pixels, int plane) = (prepared.Bytes, prepared.Width * prepared.Height);
        float[] values = new float[3 * plane];
        for (int i = 0, p = 0; p < plane; i += 3, p++)
        {
            values[p] = _values[pixels[i]];
            values[plane + p] = _values[256 + pixels[i + 1]];
            values[2 * plane + p] = _values[512 + pixels[i + 2]];
        }

        return tensor(values, [3, prepared.Height, prepared.Width], dtype: ScalarType.Float32);
    }

    /// <summary>Processes images of one resulting size.</summary>
    /// <param name="images">At least one image.</param>
    /// <returns>float32 [N, 3, height, width] on the CPU, a new tensor; the caller disposes it.</returns>
    /// <exception cref="ApertureException">An image is too elongated, or the results differ in size (no crop is configured).</exception>
    public Tensor Process(IReadOnlyList<Image> images)
    {
        ArgumentNullException.ThrowIfNull(images);
        ArgumentOutOfRangeException.ThrowIfZero(images.Count);
        using DisposeScope scope = NewDisposeScope();
        Tensor[] tensors = images.Select(Process).ToArray();
        Tensor? odd = Array.Find(tensors, t => !t.shape.SequenceEqual(tensors[0].shape));
        return odd is null
            ? stack(tensors).MoveToOuterDisposeScope()
            : throw new ApertureException(
                $"Images of one batch must have one size after processing, but there are {tensors[0].shape[2]}x{tensors[0].shape[1]} and "
                + $"{odd.shape[2]}x{odd.shape[1]}: configure a crop.");
    }

    /// <summary>The 8-bit part of the work: the RGB image after padding, resizing and cropping.</summary>
    /// <param name="image">An image of any mode.</param>
    /// <returns>An RGB image of the size that <see cref="Process(Image)"/> returns.</returns>
    /// <exception cref="ApertureException">The image is so elongated that its padded or resized form would be too large.</exception>
    public Image Prepare(Image image)
    {
        ArgumentNullException.ThrowIfNull(image);
        Image rgb = image.ConvertToRgb();
        if (Config.PadToSquare)
        {
            (byte red, byte green, byte blue) = PaddingColour;
            rgb = rgb.PadToSquare(red, green, blue);
        }

        (int width, int height) = TargetSize(rgb.Width, rgb.Height);
        if (!Config.DoCenterCrop)
        {
            return rgb.Resize(width, height, Config.Resample);
        }

        // Only the part that the crop keeps is resized: the numbers are the same.
        (int left, int top) = ((width - Config.CropWidth) >> 1, (height - Config.CropHeight) >> 1); // rounds down, also below 0
        (int x, int y) = (Math.Max(left, 0), Math.Max(top, 0));
        (int keptWidth, int keptHeight) = (Math.Min(width, Config.CropWidth), Math.Min(height, Config.CropHeight));
        Image kept = PilResize.ResizeWindow(rgb, width, height, Config.Resample, new ImageBox(0, 0, rgb.Width, rgb.Height), x, y, keptWidth, keptHeight);
        return keptWidth == Config.CropWidth && keptHeight == Config.CropHeight
            ? kept
            : kept.Crop(Math.Min(left, 0), Math.Min(top, 0), Config.CropWidth, Config.CropHeight);
    }

    /// <summary>The rectangle of a picture that the pixel values show, in the picture's pixels; padding lies beyond its edges.</summary>
    /// <param name="width">Width of the picture.</param>
    /// <param name="height">Height of the picture.</param>
    /// <exception cref="ApertureException">The picture is so elongated that its padded or resized form would be too large.</exception>
    public PictureArea AreaOf(int width, int height)
    {
        int side = Math.Max(width, height);
        (int paddedWidth, int paddedHeight) = Config.PadToSquare ? (side, side) : (width, height);
        (int x, int y) = ((paddedWidth - width) / 2, (paddedHeight - height) / 2);
        (int targetWidth, int targetHeight) = TargetSize(paddedWidth, paddedHeight);
        (double scaleX, double scaleY) = ((double)paddedWidth / targetWidth, (double)paddedHeight / targetHeight);
        (int cropWidth, int cropHeight) = Config.DoCenterCrop ? (Config.CropWidth, Config.CropHeight) : (targetWidth, targetHeight);
        (int left, int top) = ((targetWidth - cropWidth) >> 1, (targetHeight - cropHeight) >> 1);
        return new PictureArea((left * scaleX) - x, (top * scaleY) - y, cropWidth * scaleX, cropHeight * scaleY);
    }

    private (int Width, int Height) TargetSize(int imageWidth, int imageHeight)
    {
        if (!Config.DoResize)
        {
            return (imageWidth, imageHeight);
        }

        if (Config.ShortestEdge is not { } edge)
        {
            return (Config.Width, Config.Height);
        }

        (int shorter, int longer) = (Math.Min(imageWidth, imageHeight), Math.Max(imageWidth, imageHeight));
        double scaled = Math.Truncate((double)((long)edge * longer) / shorter);
        if (scaled > int.MaxValue)
        {
            throw new ApertureException(
                $"An image of {imageWidth}x{imageHeight} pixels is too elongated to be resized to a shortest edge of {edge}: crop it first.");
        }

        return imageWidth <= imageHeight ? (edge, (int)scaled) : ((int)scaled, edge);
    }

    private byte Padding(int channel) => (byte)Math.Clamp(Math.Truncate(Config.ImageMean[channel] * 255), 0, 255);
}
