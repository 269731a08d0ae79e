using System.Text.Json;
using Aperture.Files;

namespace Aperture.Images;

/// <summary>
/// What <see cref="ClipImageProcessor"/> does to an image: the fields of a checkpoint's preprocessor_config.json under C# names, with the defaults of
/// transformers' CLIPImageProcessor for fields that the file omits.
/// </summary>
public sealed record ClipImageProcessorConfig
{
    /// <summary>
    /// Whether to pad to a square with the mean colour first, as LLaVA-1.5's own code does (<c>image_aspect_ratio: pad</c>), and transformers'
    /// LlavaImageProcessor where <c>do_pad</c> says so. LlavaNextImageProcessor means another thing by it: its pictures are padded to tiles in any case.
    /// </summary>
    public bool PadToSquare { get; init; }

    /// <summary>Whether to resize.</summary>
    public bool DoResize { get; init; } = true;

    /// <summary>
    /// Length of the shorter edge after resizing, in pixels; null to resize to <see cref="Height"/> x <see cref="Width"/> whatever the aspect ratio.
    /// </summary>
    public int? ShortestEdge { get; init; } = 224;

    /// <summary>Height after resizing when <see cref="ShortestEdge"/> is null, in pixels.</summary>
    public int Height { get; init; }

    /// <summary>Width after resizing when <see cref="ShortestEdge"/> is null, in pixels.</summary>
    public int Width { get; init; }

    /// <summary>The filter of the resize.</summary>
    public ResampleFilter Resample { get; init; } = ResampleFilter.Bicubic;

    /// <summary>Whether to cut out the centre, padding with zeros where the image is smaller.</summary>
    public bool DoCenterCrop { get; init; } = true;

    /// <summary>Height of the centre crop, in pixels.</summary>
    public int CropHeight { get; init; } = 224;

    /// <summary>Width of the centre crop, in pixels.</summary>
    public int CropWidth { get; init; } = 224;

    /// <summary>Whether to multiply by <see cref="RescaleFactor"/>.</summary>
    public bool DoRescale { get; init; } = true;

    /// <summary>Factor from 8-bit values to the range of the mean.</summary>
    public double RescaleFactor { get; init; } = 1.0 / 255.0;

    /// <summary>Whether to subtract <see cref="ImageMean"/> and divide by <see cref="ImageStd"/>.</summary>
    public bool DoNormalize { get; init; } = true;

    /// <summary>Mean of red, green, blue.</summary>
    public IReadOnlyList<double> ImageMean { get; init; } = [0.48145466, 0.4578275, 0.40821073];

    /// <summary>Standard deviation of red, green, blue.</summary>
    public IReadOnlyList<double> ImageStd { get; init; } = [0.26862954, 0.26130258, 0.27577711];

    /// <summary>Reads a preprocessor_config.json.</summary>
    /// <param name="path">The file, or the checkpoint folder that holds it.</param>
    /// <returns>The configuration.</returns>
    /// <exception cref="ApertureException">The file is missing, not JSON, or a field has a value that cannot be used.</exception>
    public static ClipImageProcessorConfig Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        string file = Directory.Exists(path) ? Path.Combine(path, "preprocessor_config.json") : path;
        try
        {
            using JsonDocument document = JsonText.Parse(InputFile.Bytes(file, JsonText.LargestConfiguration));
            return Parse(document.RootElement, file);
        }
        catch (JsonException error)
        {
            throw new ApertureException($"Image processor configuration {file} cannot be read: {error.Message.ReplaceLineEndings(" ")}", error);
        }
    }

    /// <summary>Reads the fields of a preprocessor_config.json.</summary>
    /// <param name="json">Its root object; fields that are not about pixels are ignored.</param>
    /// <param name="name">What error messages call it.</param>
    /// <param name="side">Side in pixels of what the tower takes, for sizes that the file omits; null for transformers' 224.</param>
    /// <returns>The configuration.</returns>
    /// <exception cref="ApertureException">A field has a value that cannot be used.</exception>
    public static ClipImageProcessorConfig Parse(JsonElement json, string name, int? side = null)
    {
        ProcessorFields fields = new(json, name);
        string kind = fields.Text("image_processor_type") ?? fields.Text("feature_extractor_type") ?? "";
        int own = side ?? 224;
        ClipImageProcessorConfig defaults = kind.StartsWith("Siglip", StringComparison.Ordinal)
            ? new ClipImageProcessorConfig
            {
                ShortestEdge = null,
                Height = own,
                Width = own,
                DoCenterCrop = false,
                ImageMean = [0.5, 0.5, 0.5],
                ImageStd = [0.5, 0.5, 0.5],
            }
            : new ClipImageProcessorConfig { ShortestEdge = own, CropHeight = own, CropWidth = own };
        (int? Shortest, int? Height, int? Width, bool Whole)? size = fields.Size("size");
        (int? Shortest, int? Height, int? Width, bool Whole)? crop = fields.Size("crop_size");
        if (crop is { Shortest: not null, Whole: false })
        {
            throw fields.Error("crop_size", "a number or height and width");
        }

        return defaults with
        {
            PadToSquare = fields.Flag("do_pad") == true && !kind.StartsWith("LlavaNext", StringComparison.Ordinal),
            DoResize = fields.Flag("do_resize") ?? defaults.DoResize,
            ShortestEdge = size is null ? defaults.ShortestEdge : defaults.ShortestEdge is null && size.Value.Whole ? null : size.Value.Shortest,
            Height = size?.Height ?? size?.Shortest ?? defaults.Height,
            Width = size?.Width ?? size?.Shortest ?? defaults.Width,
            Resample = fields.Filter("resample") ?? defaults.Resample,
            DoCenterCrop = fields.Flag("do_center_crop") ?? defaults.DoCenterCrop,
            CropHeight = crop?.Height ?? crop?.Shortest ?? defaults.CropHeight,
            CropWidth = crop?.Width ?? crop?.Shortest ?? defaults.CropWidth,
            DoRescale = fields.Flag("do_rescale") ?? defaults.DoRescale,
            RescaleFactor = fields.Number("rescale_factor") ?? defaults.RescaleFactor,
            DoNormalize = fields.Flag("do_normalize") ?? defaults.DoNormalize,
            ImageMean = fields.Colour("image_mean") ?? defaults.ImageMean,
            ImageStd = fields.Colour("image_std") ?? defaults.ImageStd,
        };
    }

    /// <summary>Refuses settings whose pictures a tower does not take.</summary>
    /// <param name="side">Side in pixels of what the tower takes.</param>
    /// <param name="name">What the message calls the settings.</param>
    /// <exception cref="ApertureException">Pictures come out in another size, or in sizes of their own.</exception>
    public void RequireFit(int side, string name)
    {
        (int Width, int Height)? size = DoCenterCrop ? (CropWidth, CropHeight)
            : !DoResize ? null
            : ShortestEdge is not { } edge ? (Width, Height)
            : PadToSquare ? (edge, edge)
            : null;
        if (size is not { } made)
        {
            throw new ApertureException(
                $"{name}: without do_center_crop pictures keep their proportions, but the vision tower takes {side}x{side} pixels; set do_center_crop, or size "
                + "as height and width.");
        }

        if (made.Width != side || made.Height != side)
        {
            throw new ApertureException(
                $"{name}: pictures are made {made.Width}x{made.Height} pixels large, but the vision tower takes {side}x{side}; the settings are another "
                + "model's.");
        }
    }
}
