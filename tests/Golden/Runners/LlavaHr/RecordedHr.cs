using System.Text.Json;
using System.Text.Json.Nodes;
using Aperture.Golden.Tests.Vision;
using Aperture.Models;
using Aperture.Plugins.Llava;
using Aperture.Plugins.LlavaHr;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.LlavaHr;

/// <summary>A case's LLaVA-HR, opened by its family over a configuration as a published checkpoint has it.</summary>
internal static class RecordedHr
{
    // What a case says beside the configuration.
    private static readonly string[] _beside =
        ["clip", "convnext", "llm", "pixels", "fast_image_size", "min_top1_gap", "grad_norms", "crops", "mm_hidden_size", "hidden_size"];

    public static Model Open(GoldenCase golden) => Open(golden, golden.Weights());

    public static Model Open(GoldenCase golden, IWeightSource weights)
    {
        using JsonDocument json = JsonDocument.Parse(Config(golden).ToJsonString()), options = JsonDocument.Parse(Options(golden).ToJsonString());
        LlavaConfig config = LlavaConfig.Parse(json.RootElement, golden.Name);
        ModelOpening opening = new(CPU, ScalarType.Float32, threads: 1) { Encoders = new OfferedEncoders(options.RootElement) };
        LlavaKeys keys = LlavaKeys.Find(weights, config);
        VisionEncoderParts? encoder = LlavaEncoders.Find(
            config, new EncoderCheckpoint(new ConfigReader(json.RootElement, golden.Name), weights, ""), keys, opening);
        Assert.NotNull(encoder);
        return Model.Assemble("model", LlavaFamily.Parts(config, weights, keys, null, opening, encoder: encoder), opening);
    }

    /// <summary>The encoder of a case's model.</summary>
    public static HighResolutionEncoder Encoder(Model model) => Assert.IsType<HighResolutionEncoder>(model.Encoder);

    /// <summary>The pixels that a case defines, compared with those that it recorded of them; the caller disposes them.</summary>
    public static Tensor Pixels(GoldenCase golden)
    {
        Tensor pixels = GeneratedTensor.Make(golden.Config.GetProperty("pixels"));
        using Tensor first = pixels.flatten().narrow(0, 0, golden.Get("mid.pixels_probe").size(0));
        golden.CompareExact("mid.pixels_probe", first);
        return pixels;
    }

    private static JsonObject Config(GoldenCase golden)
    {
        JsonObject config = JsonNode.Parse(golden.Config.GetProperty("llm").GetRawText())!.AsObject();
        config["model_type"] = "llava";
        config["mm_vision_tower"] = "inside";
        config["mm_projector_type"] = "mlp2x_gelu";
        config["image_aspect_ratio"] = "pad";
        config["is_multipath_encoder"] = true;
        config["vision_config"] = JsonNode.Parse(golden.Config.GetProperty("clip").GetRawText());
        foreach (JsonProperty property in golden.Config.EnumerateObject().Where(property => !_beside.Contains(property.Name)))
        {
            config[property.Name] = JsonNode.Parse(property.Value.GetRawText());
        }

        return config;
    }

    private static JsonObject Options(GoldenCase golden)
    {
        JsonObject options = [];
        if (golden.Config.GetProperty("convnext").TryGetProperty("eps", out JsonElement epsilon) && epsilon.ValueKind == JsonValueKind.Number)
        {
            options["ConvNextEps"] = epsilon.GetDouble();
        }

        return options;
    }
}
