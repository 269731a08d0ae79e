using System.Text.Json;
using System.Text.Json.Nodes;
using Aperture.Decoding;
using Aperture.Golden.Tests.BaseModels;
using Aperture.Models;
using Aperture.Plugins;
using Aperture.Plugins.GammaMod;
using Aperture.Plugins.LlavaHr;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.GammaMod;

/// <summary>A checkpoint folder as the official class writes it, and the same decoder behind the front ends of the other published variants.</summary>
public sealed class CheckpointTests : IDisposable
{
    private static readonly string _folder = Path.Combine(GoldenFolders.Own, "gamma-mod", "checkpoint-tiny-mod-llava");
    private static readonly string[] _routers = ["model.layers.2.router.weight", "model.layers.3.router.weight", "model.layers.4.router.weight"];
    private readonly string _root = Directory.CreateTempSubdirectory("aperture-gamma-mod").FullName;

    [Fact]
    public void Every_tensor_is_read_as_listed()
    {
        using JsonDocument list = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(_folder, "tensors.json")));
        using IWeightSource source = WeightFiles.Open(_folder);

        CheckpointTensors.Check(list.RootElement.GetProperty("tensors"), source);
    }

    [Fact]
    public void The_model_opens_and_its_routers_load_for_the_layers_that_its_configuration_names()
    {
        using Model model = RecordedLlava.OpenFolder(_folder, Tower());

        Assert.Equal([2, 3, 4], Layers(model));
        Assert.Equal(_routers, model.Unclaimed);
    }

    [Fact]
    public void A_LLaVA_HR_checkpoint_opens_with_both_towers_and_its_routers_load()
    {
        using DisposeScope scope = NewDisposeScope();
        string published = Path.Combine(GoldenFolders.Own, "llava-hr", "ckpt_tiny"), folder = Directory.CreateDirectory(Path.Combine(_root, "hr")).FullName;
        JsonObject config = JsonNode.Parse(File.ReadAllBytes(Path.Combine(published, "config.json")))!.AsObject();
        config["model_type"] = "mod_llava_llama";
        config["mod"] = new JsonObject { ["mod_layers_idx"] = new JsonArray(1) };
        config["vision_config"] = JsonNode.Parse(File.ReadAllBytes(Path.Combine(published, "expected_tensors.json")))!["clip"]!.DeepClone();
        File.WriteAllText(Path.Combine(folder, "config.json"), config.ToJsonString());
        using IWeightSource source = WeightFiles.Open(published);
        Dictionary<string, Tensor> tensors = source.Names.ToDictionary(name => name, source.Load);
        tensors["model.layers.1.router.weight"] = ones(2, 32);
        SafetensorsWriter.Save(Path.Combine(folder, "model.safetensors"), tensors);

        using Model model = RecordedLlava.OpenFolder(folder);

        Assert.IsType<HighResolutionEncoder>(model.Encoder);
        Assert.Equal([1], Layers(model));
        Assert.Equal(["model.layers.1.router.weight"], model.Unclaimed);
    }

    [Fact]
    public void A_Mini_Gemini_checkpoint_gives_decoder_and_routers_and_names_the_front_end_that_is_left()
    {
        string[] added = ["model.vlm_uni_query_projector.0.weight", "model.vlm_uni_aux_projector.1.bias", "model.vision_tower_aux.vision_stem.0.weight"];
        string folder = Variant("mod_mgm", name => name, added);
        using Model model = RecordedLlava.OpenFolder(folder, Tower());

        Assert.Equal([2, 3, 4], Layers(model));
        Assert.True(CheckpointSettings.Read(folder).IsMiniGemini);
        Assert.Equal(added.Concat(_routers).Order(StringComparer.Ordinal), model.Unclaimed);
        Assert.Contains("model.vlm_uni_query_projector.0.weight", Assert.Single(Notices(model)), StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private static IReadOnlyList<int> Layers(Model model)
    {
        using JsonDocument none = JsonDocument.Parse("{}");
        using GammaModRouter router = (GammaModRouter)RoutedDecoder.Factory().Create(none.RootElement, model.Decoder.Info, new MethodFiles(model));
        HookTableBuilder.Build(model.Decoder.Info, [router]);
        return router.Layers;
    }

    // What a user of the method is told.
    private static IReadOnlyList<string> Notices(Model model)
        => UnusedWeights.Describe(
            model.Name, model.Unclaimed, [new PluginMethod("gamma-mod", "gamma-mod", "", []) { WeightKeys = RoutedDecoder.Factory().WeightKeys }],
            ["gamma-mod"]);

    // The tower's configuration, which original checkpoints do not hold.
    private string Tower()
    {
        string folder = Directory.CreateDirectory(Path.Combine(_root, "clip")).FullName;
        using JsonDocument list = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(_folder, "tensors.json")));
        File.WriteAllText(Path.Combine(folder, "config.json"), list.RootElement.GetProperty("vision_config").GetRawText());
        return folder;
    }

    private string Variant(string type, Func<string, string> rename, string[] added)
    {
        using DisposeScope scope = NewDisposeScope();
        string folder = Directory.CreateDirectory(Path.Combine(_root, type)).FullName;
        JsonObject config = JsonNode.Parse(File.ReadAllBytes(Path.Combine(_folder, "config.json")))!.AsObject();
        config["model_type"] = type;
        File.WriteAllText(Path.Combine(folder, "config.json"), config.ToJsonString());
        using IWeightSource source = WeightFiles.Open(_folder);
        Dictionary<string, Tensor> tensors = source.Names.ToDictionary(rename, source.Load);
        foreach (string name in added)
        {
            tensors[name] = ones(2);
        }

        SafetensorsWriter.Save(Path.Combine(folder, "model.safetensors"), tensors);
        return folder;
    }
}
