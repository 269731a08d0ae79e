using System.Text.Json;
using Aperture.Images;
using Aperture.Plugins.DitSam.Sam;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.Images;

/// <summary>SAM's and DIT's preprocessing of files of every mode, prompts in their frames, and SAM's masks in the picture's size.</summary>
public sealed class SamProcessorsRunner : IGoldenRunner
{
    public string Area => "images";

    public string Kind => "sam_dit_processors";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        int side = golden.Config.GetProperty("side").GetInt32();
        string folder = golden.Config.GetProperty("pictures").GetString()!;
        const string Resized = "out.sam.uint8.";
        foreach (string name in golden.Names.Where(name => name.StartsWith(Resized, StringComparison.Ordinal)).ToList())
        {
            string file = name[Resized.Length..];
            Image image = Image.Load(golden.FileBeside(Path.Combine(folder, file))).ConvertToRgb();
            Sam(golden, file, image, Frame.Sam(image.Width, image.Height, side));
            Dit(golden, file, image, Frame.Dit(image.Width, image.Height, side));
        }

        JsonElement sizes = golden.Config.GetProperty("postprocess");
        int[] inner = Sizes(sizes, "input_size"), original = Sizes(sizes, "original_size");
        golden.Compare("out.sam.masks", SamModel.ToPicture(golden.Get("in.sam.low_res"), new Frame(original[1], original[0], side, inner[1], inner[0], 0, 0)));
        foreach (string name in golden.Names.Where(name => name.StartsWith("out.sam.torch_path.", StringComparison.Ordinal)).ToList())
        {
            golden.NotCompared(name, "the models expect Pillow's pixels, from which these differ");
        }

        foreach (string name in golden.Names.Where(name => name.StartsWith("out.dit.box.", StringComparison.Ordinal)).ToList())
        {
            golden.NotCompared(name, "no box goes into DIT's nets, and the case does not say which one it moved");
        }
    }

    private static void Sam(GoldenCase golden, string file, Image image, Frame frame)
    {
        Image resized = frame.Resize(image);
        golden.CompareExact($"out.sam.uint8.{file}", tensor(resized.Pixels.ToArray(), [resized.Height, resized.Width, 3]));
        golden.Compare($"out.sam.input.{file}", frame.Pixels(resized));
        float[] points = golden.Get($"in.sam.points.{file}").data<float>().ToArray();
        float[] placed = [.. Enumerable.Range(0, points.Length / 2).SelectMany(i => Pair(frame.Place(points[2 * i], points[(2 * i) + 1])))];
        golden.Compare($"out.sam.points.{file}", tensor(placed, [placed.Length / 2, 2]));
        golden.Compare($"out.sam.boxes.{file}", tensor(placed, [placed.Length / 4, 4]));
    }

    private static void Dit(GoldenCase golden, string file, Image image, Frame frame)
    {
        golden.Compare($"out.dit.img.{file}", frame.Pixels(frame.Resize(image)).squeeze(0));
        Tensor bytes = golden.Get($"in.dit.mask.{file}");
        Image mask = Image.FromPixels(ImageMode.L, bytes.data<byte>().ToArray(), (int)bytes.size(1), (int)bytes.size(0));
        golden.Compare($"out.dit.mask.{file}", frame.Mask(frame.Resize(mask)));
        golden.Compare($"out.dit.info.{file}", tensor(new float[] { frame.InnerHeight, frame.InnerWidth, frame.Left, frame.Top }));
    }

    private static float[] Pair((double X, double Y) point) => [(float)point.X, (float)point.Y];

    private static int[] Sizes(JsonElement sizes, string name) => [.. sizes.GetProperty(name).EnumerateArray().Select(size => size.GetInt32())];
}

/// <summary>Sizes of pictures in SAM's frame.</summary>
public sealed class SamSizesRunner : IGoldenRunner
{
    private const int Side = 1024;

    public string Area => "images";

    public string Kind => "sam_sizes";

    public void Run(GoldenCase golden) => Assert.All(
        golden.Meta.GetProperty("rows").EnumerateArray(),
        row =>
        {
            int[] sizes = [.. row.EnumerateArray().Select(size => size.GetInt32())];
            Frame frame = Frame.Sam(sizes[0], sizes[1], Side);
            Assert.Equal([sizes[2], sizes[3]], [frame.InnerWidth, frame.InnerHeight]);
        });
}
