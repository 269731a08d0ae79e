using System.Text.Json;
using System.Text.Json.Nodes;
using Aperture.Golden.Tests.BaseModels;
using Aperture.Models;
using Aperture.Plugins.Llava;
using Aperture.Weights;

namespace Aperture.Golden.Tests.GammaMod;

/// <summary>A case's whole LLaVA, with the configuration put together as a published checkpoint has it.</summary>
internal static class RecordedModel
{
    public static Model Open(GoldenCase golden, IWeightSource weights)
    {
        JsonObject config = JsonNode.Parse(golden.Config.GetProperty("llm").GetRawText())!.AsObject();
        config["model_type"] = "mod_llava_llama";
        config["mm_vision_tower"] = "inside";
        config["vision_config"] = JsonNode.Parse(golden.Config.GetProperty("vision").GetRawText());
        foreach (string name in new[] { "mm_projector_type", "mm_vision_select_layer", "mm_vision_select_feature" })
        {
            config[name] = JsonNode.Parse(golden.Config.GetProperty(name).GetRawText());
        }

        using JsonDocument json = JsonDocument.Parse(config.ToJsonString());
        return RecordedLlava.Open(LlavaConfig.Parse(json.RootElement, golden.Name), weights);
    }

    public static int[] Layers(GoldenCase golden) => [.. golden.Config.GetProperty("mod_layers_idx").EnumerateArray().Select(value => value.GetInt32())];
}
