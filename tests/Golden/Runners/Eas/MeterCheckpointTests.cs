using System.Text.Json;
using Aperture.Decoding;
using Aperture.Models;
using Aperture.Plugins.Eas.Meter;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.Eas;

/// <summary>A Lightning file of a search on METER: its tensors, the attentions that it chose, and a model that runs from it.</summary>
[Trait("Category", "Golden")]
public sealed class MeterCheckpointTests
{
    private const string Folder = "checkpoint-tiny-meter";

    [SkippableFact]
    public void A_search_checkpoint_opens_and_runs()
    {
        string[] lists =
        [
            .. GoldenFolders.InUse.Where(Directory.Exists).SelectMany(
                folder => Directory.EnumerateFiles(folder, "tensors.json", SearchOption.AllDirectories)).Where(IsMeter),
        ];
        Skip.If(lists.Length == 0 && !GoldenFolders.InUse.Contains(GoldenFolders.Own), $"no folder {Folder} among the cases in use");

        Assert.NotEmpty(lists);
        Assert.All(lists, Check);
    }

    private static bool IsMeter(string list) => Path.GetFileName(Path.GetDirectoryName(list)!).StartsWith(Folder, StringComparison.Ordinal);

    private static void Check(string list)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable quiet = no_grad();
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(list));
        JsonElement sizes = json.RootElement.GetProperty("config");
        using IWeightSource source = MeterCheckpoint.Open(Directory.GetFiles(Path.GetDirectoryName(list)!, "*.ckpt").Single());
        CheckpointTensors.Check(json.RootElement.GetProperty("tensors"), source);
        Assert.Equal(json.RootElement.GetProperty("skip_from_gate").EnumerateArray().Select(arm => arm.GetInt32()), MeterCheckpoint.SearchedArms(source)!);

        MeterConfig config = MeterConfig.Read(source, sizes.GetProperty("heads").GetInt32(), sizes.GetProperty("vis").GetProperty("heads").GetInt32());
        Assert.Equal(sizes.GetProperty("d").GetInt32(), config.Width);
        Assert.Equal(sizes.GetProperty("ffn").GetInt32(), config.Inner);
        Assert.Equal(sizes.GetProperty("vocab").GetInt32(), config.Text.Vocabulary);
        Assert.Equal(sizes.GetProperty("text_layers").GetInt32(), config.Text.Layers);
        Assert.Equal(sizes.GetProperty("vis").GetProperty("res").GetInt32(), config.Vision.ImageSize);
        Assert.Equal(sizes.GetProperty("clip_blocks_built").GetInt32(), config.Vision.Layers);
        using MeterModel model = MeterModel.Load(source, config, new WeightPolicy(CPU, ScalarType.Float32, ScalarType.Float32));
        MeterPlan plan = MeterPlan.FromArms(MeterCheckpoint.SearchedArms(source)!, config.Layers, legacyArmMap: true);
        Tensor ids = full([1, sizes.GetProperty("text_len").GetInt64()], 3, ScalarType.Int64);
        MeterFeatures features = model.Fuse(
            model.EncodeText(ids, ones_like(ids)), ones_like(ids), model.EncodeImage(randn(1, 3, config.Vision.ImageSize, config.Vision.ImageSize)), plan);

        Tensor logits = model.Heads.Vqa!.Run(features.Pooled);

        Assert.Equal([1L, sizes.GetProperty("vqa").GetInt64()], logits.shape);
        Assert.True(logits.isfinite().all().item<bool>());
    }
}
