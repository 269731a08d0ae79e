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
    private const string Parallel = "module.";

    [SkippableFact]
    public void Published_files_open_and_find_masks()
    {
        string[] lists =
        [
            .. GoldenFolders.InUse.Where(Directory.Exists).SelectMany(
                folder => Directory.EnumerateFiles(folder, "tensors.json", SearchOption.AllDirectories)).Where(IsSam),
        ];
        Skip.If(lists.Length == 0 && !GoldenFolders.InUse.Contains(GoldenFolders.Own), "no checkpoint of SAM among the cases in use");

        Assert.NotEmpty(lists);
        Assert.All(lists, Check);
    }

    private static bool IsSam(string list)
    {
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(list));
        return json.RootElement.ValueKind == JsonValueKind.Object && json.RootElement.TryGetProperty("config", out JsonElement config)
            && config.TryGetProperty("global_attn_indexes", out _);
    }

    private static string[] Files(string list) => [.. Directory.GetFiles(Path.GetDirectoryName(list)!, "*.pth").Order(StringComparer.Ordinal)];

    private static void Check(string list)
    {
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(list));
        JsonElement config = json.RootElement.GetProperty("config");
        foreach (string file in Files(list))
        {
            using IWeightSource source = SamFactory.OpenWeights(file);
            JsonElement tensors = json.RootElement.GetProperty(Path.GetFileName(file)).GetProperty("tensors");
            bool isParallel = tensors.EnumerateObject().All(entry => entry.Name.StartsWith(Parallel, StringComparison.Ordinal));
            CheckpointTensors.Check(tensors, isParallel ? source.WithPrefix(Parallel) : source);
            if (DitKeys.Recognises(source))
            {
                FindBySentence(file, config);
            }
            else
            {
                FindByPoint(file, config);
            }
        }
    }

    private static Picture Picture => new(new byte[3 * 20 * 30], 30, 20);

    private static void FindByPoint(string file, JsonElement config)
    {
        object options = new { DecoderHeads = config.GetProperty("decoder_heads").GetInt32() };
        using ISegmenter sam = new SamFactory().Open(file, TaskCheckpointFile.Options(options), CPU, new FactoryFiles(Path.GetDirectoryName(file)));
        SegmentPrompt prompt = new() { Points = [new PromptPoint(15, 10)], AllReadings = true };
        IReadOnlyList<SegmentedMask> found = sam.Segment(Picture, [prompt], TaskRun.Plain)[0];
        Assert.Equal(3, found.Count);
        Assert.All(found, mask => Assert.Equal((30, 20), (mask.Mask.Width, mask.Mask.Height)));
    }

    private static void FindBySentence(string file, JsonElement config)
    {
        string folder = Directory.CreateTempSubdirectory("aperture-golden-").FullName;
        try
        {
            File.WriteAllText(Path.Combine(folder, "vocab.txt"), "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\nred\nbag\n");
            int heads = config.GetProperty("decoder_heads").GetInt32(), textHeads = config.GetProperty("bert").GetProperty("heads").GetInt32();
            object options = new { DecoderHeads = heads, TextHeads = textHeads, Tokenizer = folder };
            using ISegmenter dit = new DitFactory().Open(file, TaskCheckpointFile.Options(options), CPU, new FactoryFiles(Path.GetDirectoryName(file)));
            SegmentedMask found = dit.Segment(Picture, [new SegmentPrompt { Text = "the red bag" }], TaskRun.Plain)[0][0];
            Assert.Equal((30, 20), (found.Mask.Width, found.Mask.Height));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
