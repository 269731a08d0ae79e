using Aperture.Images;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.Images;

/// <summary>LLaVA-1.6's tiles in Hugging Face's order of height and width, alone and in a batch whose tiles are padded with zeros.</summary>
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
            golden.Compare(One + file, anyres.Pixels(picture));
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
                .Select(picture => Padded(anyres.Pixels(picture), recorded.shape[1]))];
            Assert.NotEmpty(candidates);
            entries.Add(candidates.MinBy(pixels => (pixels - recorded[entry]).abs().max().item<float>())!);
        }

        golden.Compare("out.batch.pixel_values", stack(entries, 0));
        golden.CompareExact("out.batch.image_sizes", tensor(sizes.SelectMany(size => size).ToArray(), [sizes.Length, 2]));
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
