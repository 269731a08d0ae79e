using System.Text.Json;
using Aperture.Images;
using Aperture.Plugins.InstDiffEdit;
using Aperture.Plugins.InstDiffEdit.Masks;
using Aperture.Plugins.InstDiffEdit.Stages;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.InstDiffEdit;

/// <summary>From attention maps to masks under both presets, DiffEdit's mask, what the inpainting model is given, and Pillow's resizing.</summary>
public sealed class MaskPipelineRunner : IGoldenRunner
{
    private const int MaskPixels = 2; // that OpenCV's order of sums may decide otherwise
    private const double SimilarityTolerance = 1e-5;

    public string Area => DiffusionCase.AreaName;

    public string Kind => "mask_pipeline";

    public void Run(GoldenCase golden)
    {
        JsonElement[] cases = [.. golden.Config.GetProperty("cases").EnumerateArray()];
        for (int i = 0; i < cases.Length; i++)
        {
            foreach (string preset in (string[])[EditorOptions.Benchmark, EditorOptions.Sample])
            {
                Check(golden, cases[i], i, preset);
            }
        }

        DifferenceMasks(golden);
        Inpainting(golden);
        foreach (string name in golden.Names.Where(name => name.StartsWith("out.resize_", StringComparison.Ordinal)))
        {
            int[] size = [.. name["out.resize_".Length..].Split('x').Select(int.Parse)];
            golden.CompareExact(name, Rgb(golden.Get("in.resize")).Resize(size[0], size[1]).ToTensor());
        }
    }

    private static void Check(GoldenCase golden, JsonElement one, int number, string preset)
    {
        JsonElement own = one.GetProperty(preset), rules = golden.Config.GetProperty(preset);
        EditorOptions options = new()
        {
            Preset = preset,
            ObjectThreshold = golden.Config.GetProperty("th1").GetDouble(),
            BackgroundThreshold = rules.GetProperty("th2").GetDouble(),
            MaskThreshold = rules.GetProperty("threshold").GetDouble(),
        };
        Tensor maps = golden.Get($"in.maps.{number}");
        (int rows, int columns) = ((int)maps.size(0), (int)maps.size(1));
        string what = $"{number}.{preset}";
        (int height, int width) = ((int)golden.Get($"out.mask.{what}").size(0), (int)golden.Get($"out.mask.{what}").size(1));
        WordGroups groups = WordGroups.Of(DiffusionCase.Texts(one.GetProperty("decoded")), one.GetProperty("prompt").GetString()!);
        Assert.True(groups.Matched);
        MaskFinder finder = new(groups.Groups, options);

        StepMask found = finder.Find(maps.data<float>().ToArray(), rows, columns, height, width);

        golden.CompareExact($"out.images.{number}", Bytes(found.Images.SelectMany(image => image), found.Images.Length, height, width));
        CheckLabels(own, finder.Labels);
        golden.Compare($"out.refined.{what}", tensor(found.Refined, [height, width]));
        Near(golden, $"out.gray.{what}", Bytes(found.Grey, height, width), most: 1);
        Near(golden, $"out.mask.{what}", Bytes(found.Mask, height, width), most: null);

        byte[] large = Image.FromPixels(ImageMode.L, golden.Get($"out.mask.{what}").data<byte>().ToArray(), width, height).Resize(512, 512).Pixels.ToArray();
        Assert.Equal(own.GetProperty("mask512_at_least_128").GetInt32(), large.Count(value => value >= 128));
        Assert.Equal(own.GetProperty("mask512_crc32").GetUInt32(), PngChecksum.Compute(large));
        Tensor sums = Bytes(large, 512, 512).to(ScalarType.Int64).sum(1);
        golden.CompareExact($"out.mask512_rows.{what}", sums);
    }

    private static void CheckLabels(JsonElement own, WordLabels? labels)
    {
        if (own.GetProperty("position").ValueKind == JsonValueKind.Null)
        {
            Assert.Null(labels);
            return;
        }

        Assert.Equal(DiffusionCase.Integers(own.GetProperty("position")), labels!.Labels);
        Same(own.GetProperty("bos_similarity"), labels.StartSimilarity);
        Same(own.GetProperty("base_similarity"), labels.BaseSimilarity);
        Assert.Equal(own.GetProperty("base_word").GetInt32(), 1 + Array.IndexOf(labels.BaseSimilarity, 1.0));
    }

    private static void Same(JsonElement expected, double[] actual)
    {
        double[] numbers = DiffusionCase.Numbers(expected);
        Assert.Equal(numbers.Length, actual.Length);
        Assert.All(numbers.Zip(actual), pair => Assert.InRange(pair.Second - pair.First, -SimilarityTolerance, SimilarityTolerance));
    }

    private static void DifferenceMasks(GoldenCase golden)
    {
        Tensor grey = golden.Get("in.diffedit_gray");
        (int height, int width) = ((int)grey.size(0), (int)grey.size(1));
        foreach (string name in golden.Names.Where(name => name.StartsWith("out.diffedit_mask.", StringComparison.Ordinal)))
        {
            double threshold = int.Parse(name[(name.LastIndexOf('.') + 1)..]) / 100.0;
            Near(golden, name, Bytes(DifferenceMask.Binary(grey.data<byte>().ToArray(), height, width, threshold), height, width), most: null);
        }
    }

    private static void Inpainting(GoldenCase golden)
    {
        (Tensor mask, Tensor erased) = PaintStage.Prepare(Rgb(golden.Get("in.inpaint_image")), golden.Get("in.inpaint_mask").data<byte>().ToArray());
        golden.CompareExact("out.inpaint_mask", mask);
        golden.Compare("out.inpaint_masked", erased);
    }

    // Bytes may differ by some; of a mask, pixels may.
    internal static void Near(GoldenCase golden, string name, Tensor actual, int? most)
    {
        Tensor expected = golden.Get(name), difference = expected.to(ScalarType.Int64).sub(actual.to(ScalarType.Int64)).abs();
        Assert.Equal(expected.shape, actual.shape);
        long pixels = difference.ne(0).sum().item<long>();
        Assert.True(
            most is null ? pixels <= MaskPixels : difference.max().item<long>() <= most,
            $"{golden.Name}: {name} differs in {pixels} pixels, by {difference.max().item<long>()} at most");
        golden.NotCompared(name, "compared as bytes, some of which may differ");
    }

    internal static Tensor Bytes(IEnumerable<byte> values, params long[] shape) => tensor(values.ToArray(), shape, dtype: ScalarType.Byte);

    internal static Image Rgb(Tensor pixels) => Image.FromRgb(pixels.data<byte>().ToArray(), (int)pixels.size(1), (int)pixels.size(0));
}
