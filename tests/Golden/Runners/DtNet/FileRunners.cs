using System.Text.Json;
using Aperture.Plugins.DtNet;
using Aperture.Plugins.DtNet.Data;
using Aperture.Plugins.DtNet.Model;
using Aperture.Plugins.DtNet.Paths;
using Aperture.Plugins.DtNet.Search;
using Aperture.Tasks;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.DtNet;

/// <summary>Features of an HDF5 file by file names, filled up or cut to the grid's cells.</summary>
public sealed class FeaturesRunner : IGoldenRunner
{
    public string Area => "dtnet";

    public string Kind => "features_expected";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        int cells = golden.Config.GetProperty("max_detections").GetInt32(), channels = golden.Config.GetProperty("d_in").GetInt32();
        using FeatureFile file = FeatureFile.Open(golden.FileBeside(golden.Meta.GetProperty("file").GetString()!), FeatureKey.Auto);
        foreach (string name in golden.Names.Where(name => name.StartsWith("out.", StringComparison.Ordinal)))
        {
            FeatureRows rows = file.Read($"COCO_val2014_{int.Parse(name["out.".Length..], System.Globalization.CultureInfo.InvariantCulture):D12}.jpg");
            golden.Compare(name, tensor(FeatureFile.Fit(rows, cells), [cells, channels]));
        }
    }
}

/// <summary>Checkpoints of the training script, zip and older stream: what is in them, and a caption with the weights read.</summary>
public sealed class CheckpointFeaturesRunner : IGoldenRunner
{
    public string Area => "dtnet";

    public string Kind => "checkpoint_features";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable quiet = no_grad();
        string folder = golden.FileBeside("checkpoint");
        using JsonDocument manifest = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "manifest.json")));
        foreach (string file in manifest.RootElement.GetProperty("files").EnumerateArray().Select(file => file.GetString()!))
        {
            using IWeightSource source = DtNetFactory.OpenWeights(Path.Combine(folder, file));
            CheckpointTensors.Check(manifest.RootElement.GetProperty("tensors"), source);
            CheckEpoch(manifest.RootElement, (TorchFile)source);
            using CaptionModel model = RecordedCaptioner.Open(golden, source);
            long[] shape = golden.Get("out.ids").shape;
            int beams = int.Parse(
                manifest.RootElement.EnumerateObject()
                    .Single(entry => entry.Name.StartsWith("beam", StringComparison.Ordinal)).Name["beam".Length..].Split('_')[0],
                System.Globalization.CultureInfo.InvariantCulture);
            using CaptionEnsemble ensemble = new([model], golden.Get("in.features"), RoutePlan.Soft, training: null, TaskRun.Plain);
            SearchResult found = BeamSearch.Run(ensemble, beams, (int)shape[^1]);
            golden.CompareExact("out.ids", found.Ids.select(1, 0));
            golden.Compare("out.log_probs", found.LogProbabilities.select(1, 0));
        }
    }

    private static void CheckEpoch(JsonElement manifest, TorchFile file)
    {
        PickledDictionary saved = Assert.IsType<PickledDictionary>(file.Content);
        foreach (string name in new[] { "epoch", "val_loss", "val_cider", "best_cider" })
        {
            Assert.True(saved.TryGetValue(name, out object? value));
            Assert.Equal(manifest.GetProperty(name).GetDouble(), Convert.ToDouble(value, System.Globalization.CultureInfo.InvariantCulture), 6);
        }
    }
}

/// <summary>The vocabulary pickle: words, ids, captions to ids and back.</summary>
[Trait("Category", "Golden")]
public sealed class VocabularyTests
{
    [SkippableFact]
    public void A_recorded_vocabulary_is_read()
    {
        string[] lists = [.. GoldenFolders.InUse.Where(Directory.Exists).SelectMany(
            folder => Directory.EnumerateFiles(folder, "vocab_expected*.json", SearchOption.AllDirectories))];
        Skip.If(lists.Length == 0 && !GoldenFolders.InUse.Contains(GoldenFolders.Own), "no vocabulary among the cases in use");

        Assert.NotEmpty(lists);
        Assert.All(lists, Check);
    }

    private static void Check(string list)
    {
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(list));
        JsonElement expected = json.RootElement;
        Vocabulary vocabulary = Vocabulary.Read(Path.Combine(Path.GetDirectoryName(list)!, expected.GetProperty("file").GetString()!));
        Assert.Equal(Texts(expected.GetProperty("itos")), vocabulary.Words);
        Assert.All(expected.GetProperty("stoi").EnumerateObject(), pair => Assert.Equal(pair.Value.GetInt32(), vocabulary.Id(pair.Name)));
        Assert.Equal(
            expected.GetProperty("freqs").EnumerateObject().ToDictionary(pair => pair.Name, pair => pair.Value.GetInt64()),
            vocabulary.Frequencies.ToDictionary());
        Assert.Equal(expected.GetProperty("unknown_id").GetInt32(), vocabulary.Id("no word of it"));

        IReadOnlyList<string>[] words = [.. Texts(expected.GetProperty("captions")).Select(caption => CaptionWords.Split(caption, WordSplitting.Blanks))];
        Assert.Equal(expected.GetProperty("tokens_after_preprocess").EnumerateArray().Select(Texts), words);
        int longest = words.Max(caption => caption.Count) + 2;
        Assert.Equal(
            expected.GetProperty("ids_padded").EnumerateArray().Select(ids => ids.EnumerateArray().Select(id => id.GetInt32())),
            words.Select(caption => vocabulary.Encode(caption))
                .Select(ids => ids.Concat(Enumerable.Repeat(vocabulary.Specials.Padding, longest - ids.Length))));
        long[][] spoken = [.. expected.GetProperty("decode_ids").EnumerateArray().Select(ids => ids.EnumerateArray().Select(id => id.GetInt64()).ToArray())];
        Assert.Equal(Texts(expected.GetProperty("decode_text")), spoken.Select(ids => vocabulary.Decode(ids, dropRepeats: false)));
        Assert.Equal(Texts(expected.GetProperty("decode_text_without_immediate_repeats")), spoken.Select(ids => vocabulary.Decode(ids, dropRepeats: true)));
    }

    private static string[] Texts(JsonElement list) => [.. list.EnumerateArray().Select(text => text.GetString()!)];
}
