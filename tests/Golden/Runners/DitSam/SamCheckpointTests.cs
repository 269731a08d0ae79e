using System.Text.Json;
using Aperture.Plugins.DitSam.Dit;
using Aperture.Plugins.DitSam.Sam;
using Aperture.Tasks;
using Aperture.Vision;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.DitSam;

/// <summary>The published files' layout: every tensor is found, and a picture is segmented.</summary>
[Trait("Category", "Golden")]
public sealed class SamCheckpointTests
{
    private const string Sam = "sam_vit_tiny.pth", Dit = "seg_best.pth", Parallel = "module.";

    [SkippableFact]
    public void Published_files_open_and_find_masks()
    {
        string[] lists =
        [
            .. GoldenFolders.InUse.Where(Directory.Exists).SelectMany(
                folder => Directory.EnumerateFiles(folder, "tensors.json", SearchOption.AllDirectories)).Where(list => File.Exists(Beside(list, Dit))),
        ];
        Skip.If(lists.Length == 0 && !GoldenFolders.InUse.Contains(GoldenFolders.Own), $"no folder with {Dit} among the cases in use");

        Assert.NotEmpty(lists);
        Assert.All(lists, Check);
    }

    private static string Beside(string list, string file) => Path.Combine(Path.GetDirectoryName(list)!, file);

    private static void Check(string list)
    {
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(list));
        JsonElement config = json.RootElement.GetProperty("config");
        foreach (string name in new[] { Sam, Dit }.Where(name => File.Exists(Beside(list, name))))
        {
            using IWeightSource source = SamFactory.OpenWeights(Beside(list, name));
            JsonElement tensors = json.RootElement.GetProperty(name).GetProperty("tensors");
            bool isParallel = tensors.EnumerateObject().All(entry => entry.Name.StartsWith(Parallel, StringComparison.Ordinal));
            CheckpointTensors.Check(tensors, isParallel ? source.WithPrefix(Parallel) : source);
        }

        int heads = config.GetProperty("decoder_heads").GetInt32(), textHeads = config.GetProperty("bert").GetProperty("heads").GetInt32();
        FactoryFiles files = new(Path.GetDirectoryName(list));
        Picture picture = new(new byte[3 * 20 * 30], 30, 20);
        using (ISegmenter sam = new SamFactory().Open(Beside(list, Sam), TaskCheckpointFile.Options(new { DecoderHeads = heads }), CPU, files))
        {
            SegmentPrompt prompt = new() { Points = [new PromptPoint(15, 10)], AllReadings = true };
            IReadOnlyList<SegmentedMask> found = sam.Segment(picture, [prompt], TaskRun.Plain)[0];
            Assert.Equal(3, found.Count);
            Assert.All(found, mask => Assert.Equal((30, 20), (mask.Mask.Width, mask.Mask.Height)));
        }

        string folder = Directory.CreateTempSubdirectory("aperture-golden-").FullName;
        try
        {
            File.WriteAllText(Path.Combine(folder, "vocab.txt"), "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\nred\nbag\n");
            object options = new { DecoderHeads = heads, TextHeads = textHeads, Tokenizer = folder };
            using ISegmenter dit = new DitFactory().Open(Beside(list, Dit), TaskCheckpointFile.Options(options), CPU, files);
            SegmentedMask found = dit.Segment(picture, [new SegmentPrompt { Text = "the red bag" }], TaskRun.Plain)[0][0];
            Assert.Equal((30, 20), (found.Mask.Width, found.Mask.Height));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
