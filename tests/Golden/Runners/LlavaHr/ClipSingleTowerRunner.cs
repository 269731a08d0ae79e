using System.Text.Json;
using Aperture.Golden.Tests.Vision;
using Aperture.Images;
using Aperture.Models;
using Aperture.Plugins.Llava;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.LlavaHr;

/// <summary>CLIP alone at its own and at a higher resolution, through the configuration that a checkpoint would have.</summary>
public sealed class ClipSingleTowerRunner : IGoldenRunner
{
    public string Area => "llava-hr";

    public string Kind => "clip_single_tower";

    public void Run(GoldenCase golden)
    {
        VisionTransformerConfig clip = ClipVision.Parse(golden.Config.GetProperty("clip"), golden.Name);
        foreach (JsonProperty variant in golden.Config.GetProperty("variants").EnumerateObject())
        {
            Compare(golden, clip, variant.Name, variant.Value);
        }
    }

    private static void Compare(GoldenCase golden, VisionTransformerConfig clip, string name, JsonElement variant)
    {
        using DisposeScope scope = NewDisposeScope();
        using JsonDocument json = JsonDocument.Parse(JsonSerializer.Serialize(new Dictionary<string, object>
        {
            ["mm_vision_tower"] = "clip",
            ["input_image_size"] = variant.GetProperty("input_image_size").GetInt32(),
            ["mm_vision_select_layer"] = variant.GetProperty("select_layer").GetInt32(),
            ["mm_vision_select_feature"] = variant.GetProperty("select_feature").GetString()!,
        }));
        LlavaConfig config = LlavaConfig.Parse(json.RootElement, golden.Name);
        using RecordedTrunk trunk = new(golden, "model.vision_tower.vision_tower.vision_model.", ClipVision.Keys, config.ForInput(clip));
        ClipImageProcessor processor = new(new ClipImageProcessorConfig());
        using VisionTransformerEncoder encoder = new(trunk.Tower, processor, config.ResolveFeatureLayers(clip.Layers), config.KeepClassToken);
        Tensor pixels = GeneratedTensor.Make(variant.GetProperty("pixels"));
        IReadOnlyList<VisionFeatures> features = encoder.EncodePixels(pixels, VisionRequest.Plain, CancellationToken.None);
        Assert.Equal(encoder.Tokens, features[0].Tokens.size(0));
        Assert.Equal(encoder.Channels, features[0].Tokens.size(1));
        golden.Compare($"out.{name}.features", stack([.. features.Select(feature => feature.Tokens)], 0));
    }
}
