using System.Text.Json;
using Aperture.Decoding;
using Aperture.Images;
using Aperture.Models;
using Aperture.Vision;

namespace Aperture.Plugins.FlashSloth.Family;

/// <summary>What a FlashSloth's config.json says: Phi's keys, and those of the authors' multimodal code.</summary>
internal sealed record FlashSlothConfig
{
    /// <summary>The decoder, Phi-2.</summary>
    public required DecoderSpec Decoder { get; init; }

    /// <summary>The vision tower's sizes where the file has them (<c>vision_config</c>); the published files have not.</summary>
    public VisionTransformerConfig? Vision { get; init; }

    /// <summary>Where the authors kept the base tower.</summary>
    public string? TowerName { get; init; }

    /// <summary>Width of a patch's features.</summary>
    public int? VisionWidth { get; init; }

    /// <summary>Which hidden state of the tower is taken; it decides how many blocks there are.</summary>
    public int SelectLayer { get; init; } = -2;

    /// <summary>Whether trainings leave the tower as it is, as published; false lets them unfreeze it.</summary>
    public bool TowerFrozen { get; init; } = true;

    /// <summary>Layers of the projector.</summary>
    public int ProjectorLayers { get; init; } = 2;

    /// <summary>Whether a picture is seen as a whole and in four tiles.</summary>
    public bool Hd { get; init; }

    /// <summary>Whether a picture is padded to a square instead of squashed.</summary>
    public ImageAspect Aspect { get; init; }

    /// <summary>The token whose embedding is added to the queries; -1 for none. <c> .</c> in Phi-2's vocabulary.</summary>
    public int BaseToken { get; init; } = 764;

    /// <summary>Side in patches of the squares that become one token: a constant of the published models.</summary>
    public int PoolSize { get; init; } = 3;

    /// <summary>The decoder layer before which queries are updated: a constant of the published models.</summary>
    public int QueryLayer { get; init; } = 7;

    /// <summary>The options of the model's own method.</summary>
    public JsonElement Options
        => JsonElement.Parse($$"""{ "{{nameof(FlashSlothOptions.PoolSize)}}": {{PoolSize}}, "{{nameof(FlashSlothOptions.InjectLayer)}}": {{QueryLayer}} }""");

    /// <summary>The most ids of a training text without a picture.</summary>
    public int MaxLength { get; init; } = int.MaxValue;

    /// <summary>Reads a config.json.</summary>
    /// <param name="json">The whole file.</param>
    /// <param name="where">File name for messages.</param>
    /// <exception cref="ApertureException">A value has the wrong type or range, or is not supported.</exception>
    public static FlashSlothConfig Parse(JsonElement json, string where)
    {
        ConfigReader config = json.ValueKind == JsonValueKind.Object
            ? new ConfigReader(json, where)
            : throw new ApertureException($"{where} must hold a JSON object, not {json.ValueKind}.");
        string feature = config.Text("mm_vision_select_feature", "patch")!;
        if (feature != "patch")
        {
            throw new ApertureException($"{where}: mm_vision_select_feature '{feature}' is not supported; SigLIP has patches alone (patch).");
        }

        if (config.Flag("mm_use_im_start_end", false) || config.Flag("mm_use_im_patch_token", false))
        {
            throw new ApertureException($"{where}: mm_use_im_start_end and mm_use_im_patch_token are not supported; FlashSloth was trained without them.");
        }

        int select = config.Integer("mm_vision_select_layer", -2);
        string? aspect = config.Text("image_aspect_ratio", "square");
        return new FlashSlothConfig
        {
            Decoder = DecoderSpec.Parse(json, where, "phi"),
            Vision = config.Has("vision_config") ? SiglipVision.Parse(config.Child("vision_config").Root, where) : null,
            TowerName = config.Text("mm_vision_tower", null),
            VisionWidth = config.Has("mm_hidden_size") ? config.Size("mm_hidden_size", 1152) : null,
            SelectLayer = select < 0
                ? select
                : throw new ApertureException($"{where}: mm_vision_select_layer {select} is not supported; FlashSloth counts from the end (-2)."),
            TowerFrozen = config.Flag("freeze_vision", true),
            ProjectorLayers = Projector.LayersOf(config.Text("mm_projector_type", "mlp2x_gelu")!),
            Hd = config.Flag("image_hd", false),
            Aspect = aspect switch
            {
                "pad" => ImageAspect.Pad,
                "square" => ImageAspect.Crop,
                _ => throw new ApertureException($"{where}: image_aspect_ratio '{aspect}' is not supported; use square or pad."),
            },
            BaseToken = config.Integer("query_base_token", 764),
            PoolSize = config.Size("pool_size", 3),
            QueryLayer = config.Size("query_layer", 7, minimum: 0),
            MaxLength = config.Has("tokenizer_model_max_length") ? config.Size("tokenizer_model_max_length", 1) : int.MaxValue,
        };
    }

    /// <summary>Blocks of a tower of so many that are left: those behind the selected state are deleted, and -1 deletes all, as in the official code.</summary>
    /// <param name="layers">Blocks of the base tower.</param>
    /// <exception cref="ApertureException">There are fewer.</exception>
    public int Blocks(int layers)
        => SelectLayer == -1 ? 0
            : layers + 1 + SelectLayer is >= 0 and int blocks ? blocks
            : throw new ApertureException($"mm_vision_select_layer {SelectLayer} does not exist in a tower of {layers} blocks; use -{layers + 1} to -2.");
}
