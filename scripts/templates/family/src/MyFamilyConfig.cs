using System.Text.Json;
using Aperture;
using Aperture.Decoding;
using Aperture.Models;
using Aperture.Vision;

namespace MyFamily;

/// <summary>What config.json says; absent keys take the values that transformers' LlavaConfig has for them.</summary>
internal sealed record MyFamilyConfig
{
    /// <summary>The tower's <c>model_type</c>.</summary>
    public const string Tower = "siglip_vision_model";

    /// <summary>The decoder.</summary>
    public required DecoderSpec Decoder { get; init; }

    /// <summary>The tower.</summary>
    public required VisionTransformerConfig Vision { get; init; }

    /// <summary>The hidden state of the tower that is projected; 0 is the input of its first block.</summary>
    public required int FeatureLayer { get; init; }

    /// <summary>Activation between the projector's two layers.</summary>
    public required string ProjectorActivation { get; init; }

    /// <summary>Whether the projector's layers carry biases.</summary>
    public required bool ProjectorBias { get; init; }

    /// <summary>The token that stands for a picture.</summary>
    public required int ImageToken { get; init; }

    /// <summary>Reads a config.json.</summary>
    /// <param name="json">The whole file.</param>
    /// <param name="where">File name for messages.</param>
    /// <exception cref="ApertureException">It is of another kind, or a value has the wrong type or range.</exception>
    public static MyFamilyConfig Parse(JsonElement json, string where)
    {
        if (json.ValueKind != JsonValueKind.Object)
        {
            throw new ApertureException($"{where} must hold a JSON object, not {json.ValueKind}.");
        }

        ConfigReader config = new(json, where);
        ConfigReader vision = config.Child("vision_config");
        if (vision.Text("model_type", null) is var kind && kind != Tower)
        {
            throw new ApertureException($"{where}: the vision tower is '{kind}'; this family reads {Tower}.");
        }

        if (config.Text("vision_feature_select_strategy", "default") is var strategy && strategy != "full")
        {
            throw new ApertureException($"{where}: vision_feature_select_strategy '{strategy}' drops a class token, which SigLIP has not; it must be full.");
        }

        VisionTransformerConfig tower = SiglipVision.Parse(vision.Root, where);
        int layer = config.Integer("vision_feature_layer", -2), state = layer < 0 ? tower.Layers + 1 + layer : layer;
        return state >= 0 && state <= tower.Layers
            ? new MyFamilyConfig
            {
                Decoder = DecoderSpec.Parse(config.Child("text_config").Root, where) with { TiedEmbeddings = config.Flag("tie_word_embeddings", false) },
                Vision = tower,
                FeatureLayer = state,
                ProjectorActivation = config.Text("projector_hidden_act", "gelu")!,
                ProjectorBias = config.Flag("multimodal_projector_bias", true),
                ImageToken = config.Integer(config.Has("image_token_id") ? "image_token_id" : "image_token_index", 32000),
            }
            : throw new ApertureException($"{where}: vision_feature_layer {layer} does not exist in a tower of {tower.Layers} blocks.");
    }
}
