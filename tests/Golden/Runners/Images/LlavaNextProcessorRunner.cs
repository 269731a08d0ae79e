using Aperture.Images;
using Aperture.Plugins.Llava;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.Images;

/// <summary>
/// LLaVA-1.6's tiles in Hugging Face's order of height and width, alone and in a batch whose tiles are padded with zeros. Older releases lose a column or row
/// of black where an odd number is to be shared out; the tiles at that edge are then too narrow and resized, which is done here for those recordings alone.
/// </summary>
public sealed class LlavaNextProcessorRunner : IGoldenRunner
{
    private const string One = "out.pixel_values.", Size = "out.image_sizes.";

    public string Area => "images";

    public string Kind => "llava_next_processor";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        AnyresPicture anyres = AnyresPicture.Of(golden.Config, "size");
        Dictionary<string, Image> pictures = golden.Names.Where(name => name.StartsWith(One, StringComparison.Ordinal)).ToDictionary(
            name => name[One.Length..], name => Image.Load(golden.FileBeside(Path.Combine("files", name[One.Length..]))).ConvertToRgb());
        foreach ((string file, Image picture) in pictures)
        {
            golden.Compare(One + file, Nearest([.. Releases(anyres, picture)], golden.Get(One + file)));
            golden.CompareExact(Size + file, tensor(new[] { (long)picture.Height, picture.Width }));
        }

        if (golden.Has("out.batch.pixel_values"))
        {
            Batch(golden, anyres);
        }
    }

    // The case does not name the batch's files: among those of a picture's size the one that comes nearest is it.
    private static void Batch(GoldenCase golden, AnyresPicture anyres)
    {
        Tensor recorded = golden.Get("out.batch.pixel_values");
        long[][] sizes = [.. golden.Get("out.batch.image_sizes").data<long>().ToArray().Chunk(2)];
        Image[] pictures = [.. Directory.EnumerateFiles(golden.FileBeside("files")).Order(StringComparer.Ordinal).Select(Loaded).OfType<Image>()];
        List<Tensor> entries = [];
        for (int entry = 0; entry < sizes.Length; entry++)
        {
            Tensor[] candidates = [.. pictures.Where(picture => picture.Height == sizes[entry][0] && picture.Width == sizes[entry][1])
                .SelectMany(picture => Releases(anyres, picture)).Select(pixels => Padded(pixels, recorded.shape[1]))];
            entries.Add(Nearest(candidates, recorded[entry]));
        }

        golden.Compare("out.batch.pixel_values", stack(entries, 0));
        golden.CompareExact("out.batch.image_sizes", tensor(sizes.SelectMany(size => size).ToArray(), [sizes.Length, 2]));
    }

    private static Tensor Nearest(Tensor[] candidates, Tensor recorded)
    {
        Assert.NotEmpty(candidates);
        return candidates.MinBy(pixels => (pixels - recorded).abs().max().item<float>())!;
    }

    private static IEnumerable<Tensor> Releases(AnyresPicture anyres, Image picture)
    {
        yield return anyres.Pixels(picture);
        TilePlan plan = anyres.Plan(picture);
        (int width, int height) = (plan.Resized.Width + (2 * plan.Corner.X), plan.Resized.Height + (2 * plan.Corner.Y));
        if ((width, height) == (plan.CanvasWidth, plan.CanvasHeight))
        {
            yield break;
        }

        ClipImageProcessor processor = new(anyres.Processor with { ShortestEdge = anyres.Side, CropWidth = anyres.Side, CropHeight = anyres.Side });
        Image canvas = plan.Canvas(picture, ResampleFilter.Bicubic);
        yield return stack(
            [
                anyres.Pixels(picture)[0],
                .. Enumerable.Range(0, plan.Tiles).Select(tile => (X: tile % plan.Columns * plan.Side, Y: tile / plan.Columns * plan.Side)).Select(corner
                    => processor.Process(
                        canvas.Crop(corner.X, corner.Y, Math.Min(plan.Side, width - corner.X), Math.Min(plan.Side, height - corner.Y)))),
            ],
            0);
    }

    private static Tensor Padded(Tensor tiles, long count)
        => tiles.shape[0] < count ? cat([tiles, zeros([count - tiles.shape[0], .. tiles.shape[1..]])], 0) : tiles;

    // Some files are broken on purpose.
    private static Image? Loaded(string file)
    {
        try
        {
            return Image.Load(file).ConvertToRgb();
        }
        catch (ApertureException)
        {
            return null;
        }
    }
}
