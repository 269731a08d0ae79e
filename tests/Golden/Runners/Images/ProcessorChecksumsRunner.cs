using System.Globalization;
using System.Text.Json;
using Aperture.Images;
using Aperture.Plugins.DitSam.Sam;
using Aperture.Plugins.Eas.Lavin;
using Aperture.Plugins.FlashSloth.Family;
using Aperture.Plugins.Llava;
using Aperture.Plugins.LlavaHr;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.Images;

/// <summary>
/// All preprocessing at real sizes: shape, sum, mean of pixel values and some of them. A case's name is &lt;processor&gt;.&lt;size&gt;.&lt;file&gt;. Processors
/// of models that are not here are named below; one that stands in neither list fails.
/// </summary>
public sealed class ProcessorChecksumsRunner : IGoldenRunner
{
    // Side of LLaVA-HR's published large pictures: its small ones are made from their pixels.
    private const int Slowest = 1024;

    private static readonly double[] _half = [0.5, 0.5, 0.5];

    private static readonly Dictionary<string, Func<Image, int, Tensor>> _processors = new()
    {
        ["clip.plain"] = (image, size) => Clip(image, size, pad: false),
        ["clip.pad"] = (image, size) => Clip(image, size, pad: true),
        ["anyres"] = Anyres,
        ["siglip"] = Siglip,
        ["flashsloth"] = Siglip,
        ["flashsloth_hd"] = (image, size) => new FlashSlothPictures(size, hd: true, pad: false).Process(image),
        ["llava_hr.slow"] = Slow,
        ["llava_hr.fast"] = (image, size) => FeatureMaps.ResizeBilinear(Slow(image, Slowest).unsqueeze(0), size, size)[0],
        ["sam"] = (image, size) =>
        {
            Frame frame = Frame.Sam(image.Width, image.Height, size);
            return frame.Pixels(frame.Resize(image.ConvertToRgb()));
        },
        ["meter_clip"] = (image, size) => new TorchvisionProcessor(new TorchvisionProcessorConfig { Size = size }).Process(image.ConvertToRgb()),
        ["lavin"] = (image, size) => new TorchvisionProcessor(LavinFamily.Preprocessing(size)).Process(image.ConvertToRgb()),
    };

    private static readonly string[] _others = ["internvl", "meter_pixelbert"];

    public string Area => "images";

    public string Kind => "processor_checksums";

    public void Run(GoldenCase golden)
    {
        JsonElement tolerance = golden.Meta.GetProperty("tolerance");
        (double values, double sums) = (tolerance.GetProperty("value").GetDouble(), tolerance.GetProperty("sum").GetDouble());
        int compared = 0;
        foreach (JsonProperty entry in golden.Meta.GetProperty("cases").EnumerateObject())
        {
            (string processor, int size, string file) = Parse(entry.Name);
            if (_others.Contains(processor))
            {
                continue;
            }

            using DisposeScope scope = NewDisposeScope();
            Assert.True(_processors.ContainsKey(processor), $"'{processor}' is not a known processor");
            Tensor pixels = _processors[processor](Image.Load(golden.FileBeside(Path.Combine("files", file))), size);
            Check(entry, pixels, values, sums);
            compared++;
        }

        Assert.True(compared > 0);
    }

    // The processor's own name may hold a dot.
    private static (string Processor, int Size, string File) Parse(string name)
    {
        string[] parts = name.Split('.');
        int at = Array.FindIndex(parts, part => part.All(char.IsAsciiDigit));
        return (string.Join('.', parts[..at]), int.Parse(parts[at], CultureInfo.InvariantCulture), string.Join('.', parts[(at + 1)..]));
    }

    private static void Check(JsonProperty entry, Tensor pixels, double values, double sums)
    {
        Assert.Equal(entry.Value.GetProperty("shape").EnumerateArray().Select(size => size.GetInt64()), pixels.shape);
        Tensor wide = pixels.to_type(ScalarType.Float64).flatten();
        double scale = Math.Max(1, entry.Value.GetProperty("abs").GetDouble());
        Near($"{entry.Name}: sum", entry.Value.GetProperty("sum").GetDouble(), wide.sum().item<double>(), sums * scale);
        Near($"{entry.Name}: abs", scale, wide.abs().sum().item<double>(), sums * scale);
        Near($"{entry.Name}: mean", entry.Value.GetProperty("mean").GetDouble(), wide.mean().item<double>(), sums);
        double[] all = wide.data<double>().ToArray(), recorded = [.. entry.Value.GetProperty("value").EnumerateArray().Select(value => value.GetDouble())];
        int[] index = RecordedPixels.Integers(entry.Value.GetProperty("index"));
        for (int i = 0; i < index.Length; i++)
        {
            Near($"{entry.Name}: value {index[i]}", recorded[i], all[index[i]], values);
        }
    }

    private static void Near(string what, double expected, double actual, double allowed)
        => Assert.True(Math.Abs(expected - actual) <= allowed, $"{what} is {actual}, recorded {expected}");

    private static Tensor Clip(Image image, int size, bool pad)
        => new ClipImageProcessor(new ClipImageProcessorConfig { ShortestEdge = size, CropHeight = size, CropWidth = size, PadToSquare = pad }).Process(image);

    private static Tensor Slow(Image image, int size) => HighResolutionEncoder.ProcessorOf(ImageAspect.Pad, size).Process(image);

    private static Tensor Siglip(Image image, int size) => new ClipImageProcessor(SiglipProcessorRunner.Squash(size, _half, _half)).Process(image);

    // The published resolutions in tiles, at this size of a tile, in the order of the recorded cases of tiles.
    private static Tensor Anyres(Image image, int size)
    {
        LlavaTiling tiling = new([(2 * size, size), (size, 2 * size), (2 * size, 2 * size), (3 * size, size), (size, 3 * size)], TileMerge.SpatialUnpad);
        Image rgb = image.ConvertToRgb();
        return LlavaTilingEncoder.PixelsOf(rgb, tiling.Select(rgb.Width, rgb.Height, size), new ClipImageProcessorConfig(), ResampleFilter.Bicubic);
    }
}
