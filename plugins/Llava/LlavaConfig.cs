using System.Text.Json;
using Aperture.Decoding;
using Aperture.Images;
using Aperture.Models;
using Aperture.Tasks;
using Aperture.Vision;

namespace Aperture.Plugins.Llava;

/// <summary>The two published layouts of LLaVA-1.5 and 1.6.</summary>
internal enum LlavaLayout
{
    /// <summary>The authors' own: <c>model.mm_projector.0</c>, tower in a folder of its own, placeholder -200.</summary>
    Original,

    /// <summary>Hugging Face's: <c>multi_modal_projector.linear_1</c>, tower inside, image token repeated.</summary>
    HuggingFace,
}

/// <summary>A LLaVA-1.5 or 1.6 configuration, from either published layout.</summary>
internal sealed record LlavaConfig
{
    private const int ManyLayers = 100;

    private static readonly string[] _llamas = ["llava", "mgm", "mod_mgm"]; // of the authors' names those that do not end with their decoder

    /// <summary>The layout the checkpoint is in.</summary>
    public required LlavaLayout Layout { get; init; }

    /// <summary>The decoder.</summary>
    public required DecoderSpec Decoder { get; init; }

    /// <summary>The vision tower; null where it comes from a folder of its own.</summary>
    public VisionTransformerConfig? Vision { get; init; }

    /// <summary>
    /// Side in pixels that pictures are made into where it is not the tower's own (<c>input_image_size</c> of LLaVA-HR's and γ-MoD's single-tower models);
    /// null for the
    /// tower's.
    /// </summary>
    public int? InputImageSize { get; init; }

    /// <summary>Whether the configuration says that there are two towers (LLaVA-HR); null where it says nothing.</summary>
    public bool? TwoTowers { get; init; }

    /// <summary>The repository that holds the tower, where it is not inside.</summary>
    public string? TowerName { get; init; }

    /// <summary>Which hidden states of the tower are joined, channel after channel; negative numbers count from the end.</summary>
    public required IReadOnlyList<int> FeatureLayers { get; init; }

    /// <summary>Whether the class token's row is kept.</summary>
    public bool KeepClassToken { get; init; }

    /// <summary>Projector type, such as <c>mlp2x_gelu</c>.</summary>
    public required string Projector { get; init; }

    /// <summary>Activation between the projector's layers.</summary>
    public string ProjectorActivation { get; init; } = "gelu";

    /// <summary>Whether the projector's layers carry biases.</summary>
    public bool ProjectorBias { get; init; } = true;

    /// <summary>The token that stands for an image in a tokenised prompt.</summary>
    public required int ImageToken { get; init; }

    /// <summary>What an image becomes before the CLIP processor.</summary>
    public required ImageAspect Aspect { get; init; }

    /// <summary>How pictures are cut into tiles; null for a model that looks at a picture once.</summary>
    public LlavaTiling? Tiling { get; init; }

    /// <summary>The decoder's <c>model_type</c>, such as <c>llama</c> or <c>mistral</c>, without what authors put in front of it.</summary>
    public string DecoderType { get; init; } = "llama";

    /// <summary>Whether pictures stand between marks (<c>mm_use_im_start_end</c>).</summary>
    public bool MarksImages { get; init; }

    /// <summary>Whether the tokenizer got a token for patches before those marks (<c>mm_use_im_patch_token</c>), which no prompt has.</summary>
    public bool HasPatchToken { get; init; }

    /// <summary>Prompts are cut to this many rows; null for no limit.</summary>
    public int? MaxPromptRows { get; init; }

    /// <summary>The element type of the checkpoint as config.json names it, for example <c>float16</c>; null if it does not.</summary>
    public string? StoredType { get; init; }

    /// <summary>Reads a config.json.</summary>
    /// <param name="json">The whole file.</param>
    /// <param name="where">File name for messages.</param>
    /// <exception cref="ApertureException">Not a LLaVA-1.5 configuration, or a value has the wrong type or range.</exception>
    public static LlavaConfig Parse(JsonElement json, string where)
    {
        if (json.ValueKind != JsonValueKind.Object)
        {
            throw new ApertureException($"{where} must hold a JSON object, not {json.ValueKind}.");
        }

        ConfigReader config = new(json, where);
        return config.Has("text_config") || (config.Has("vision_config") && !IsOriginal(config)) ? ParseHuggingFace(config)
            : IsOriginal(config) ? ParseOriginal(config)
            : throw new ApertureException(
                $"{where}: no text_config and no mm_vision_tower, so this is no LLaVA checkpoint; a model without images cannot be asked about one.");
    }

    /// <summary>
    /// A tower for pictures of <see cref="InputImageSize"/>: its position table is resampled bicubic with antialiasing, as the code of those checkpoints
    /// does.
    /// </summary>
    /// <param name="tower">The tower's own sizes.</param>
    /// <exception cref="ApertureException">No patch fits into the size.</exception>
    public VisionTransformerConfig ForInput(VisionTransformerConfig tower)
        => InputImageSize is { } side ? (tower with { Input = side, Resampling = PositionResampling.BicubicAntialiased }).Validated("input_image_size") : tower;

    /// <summary>The hidden states to join, counted from 0. A single number over 100 joins its hundreds of block outputs, evenly spaced (LLaVA-HR).</summary>
    /// <param name="towerLayers">Blocks of the tower.</param>
    /// <exception cref="ApertureException">A layer does not exist.</exception>
    public int[] ResolveFeatureLayers(int towerLayers)
    {
        IReadOnlyList<int> layers = FeatureLayers;
        if (layers is [> ManyLayers and int coded])
        {
            int step = Math.Max(towerLayers / (coded / ManyLayers), 1);
            layers = [.. Enumerable.Range(1, towerLayers / step).Select(i => i * step)];
        }

        return [.. layers.Select(layer =>
        {
            int resolved = layer < 0 ? towerLayers + 1 + layer : layer;
            return resolved >= 0 && resolved <= towerLayers
                ? resolved
                : throw new ApertureException(
                    $"The vision feature layer {layer} does not exist in a tower of {towerLayers} blocks; use -{towerLayers + 1} to {towerLayers}.");
        })];
    }

    private static bool IsOriginal(ConfigReader config) => config.Has("mm_vision_tower") || config.Has("mm_projector_type") || config.Has("mm_hidden_size");

    private static LlavaConfig ParseHuggingFace(ConfigReader config)
    {
        VisionTransformerConfig large = new() { HiddenSize = 1024, IntermediateSize = 4096, Layers = 24, Heads = 16, ImageSize = 336, PatchSize = 14 };
        ConfigReader vision = config.Child("vision_config");
        string kind = vision.Text("model_type", "clip_vision_model")!;
        if (kind != "clip_vision_model")
        {
            throw new ApertureException($"{config.Where}: vision tower '{kind}' is not supported; LLaVA-1.5 uses clip_vision_model.");
        }

        bool next = config.Text("model_type", null) == "llava_next" || config.Has(LlavaTiling.PinpointsKey);

        return new LlavaConfig
        {
            Layout = LlavaLayout.HuggingFace,
            Decoder = DecoderSpec.Parse(config.Child("text_config").Root, config.Where) with
            {
                // As in transformers 5: either level ties.
                TiedEmbeddings = config.Flag("tie_word_embeddings", false) || config.Child("text_config").Flag("tie_word_embeddings", false),
            },
            Vision = ClipVision.Parse(vision.Root, config.Where, large),
            FeatureLayers = Layers(config, "vision_feature_layer"),
            KeepClassToken = Strategy(config, "vision_feature_select_strategy", "default", "full"),
            Projector = "mlp2x_gelu",
            ProjectorActivation = config.Text("projector_hidden_act", "gelu")!,
            ProjectorBias = config.Flag("multimodal_projector_bias", true),
            ImageToken = config.Integer(config.Has("image_token_id") ? "image_token_id" : "image_token_index", 32000),
            Aspect = next ? ImageAspect.AnyRes : ImageAspect.Crop,
            Tiling = next ? LlavaTiling.ParseHuggingFace(config) : null,
            DecoderType = LastPart(config.Child("text_config").Text("model_type", "llama")!),
            StoredType = config.Text("torch_dtype", config.Text("dtype", null)),
        };
    }

    private static LlavaConfig ParseOriginal(ConfigReader config)
    {
        string? aspect = config.Text("image_aspect_ratio", "square");
        return new LlavaConfig
        {
            Layout = LlavaLayout.Original,
            Decoder = DecoderSpec.Parse(config.Root, config.Where, _llamas.Contains(config.Text("model_type", "")) ? "llama" : null),
            Vision = config.Has("vision_config") ? ClipVision.Parse(config.Child("vision_config").Root, config.Where) : null,
            TowerName = config.Text("mm_vision_tower", null),
            TwoTowers = config.Has("is_multipath_encoder") ? config.Flag("is_multipath_encoder", false) : config.Has("vision_tower_slow") ? true : null,
            InputImageSize = config.Has("input_image_size") && !config.Flag("is_multipath_encoder", false) ? config.Size("input_image_size", 0) : null,
            FeatureLayers = Layers(config, "mm_vision_select_layer"),
            KeepClassToken = Strategy(config, "mm_vision_select_feature", "patch", "cls_patch"),
            Projector = config.Text("mm_projector_type", "linear")!,
            ImageToken = -200,
            Aspect = aspect switch
            {
                "pad" => ImageAspect.Pad,
                "square" => ImageAspect.Crop,
                "anyres" => ImageAspect.AnyRes,
                _ => throw new ApertureException($"{config.Where}: image_aspect_ratio '{aspect}' is not supported; use pad, square or anyres."),
            },
            Tiling = aspect == "anyres" || config.Has(LlavaTiling.PinpointsKey) ? LlavaTiling.ParseOriginal(config) : null,
            DecoderType = LastPart(config.Text("model_type", "llama")!),
            MarksImages = config.Flag("mm_use_im_start_end", false),
            HasPatchToken = config.Flag("mm_use_im_patch_token", true),
            MaxPromptRows = config.Has("tokenizer_model_max_length") ? config.Size("tokenizer_model_max_length", 0) : null,
            StoredType = config.Text("torch_dtype", config.Text("dtype", null)),
        };
    }

    private static string LastPart(string type) => _llamas.Contains(type) ? "llama" : type[(type.LastIndexOf('_') + 1)..];

    private static IReadOnlyList<int> Layers(ConfigReader config, string key)
    {
        if (config.Root.TryGetProperty(key, out JsonElement value) && value.ValueKind == JsonValueKind.Array)
        {
            int[] layers =
            [
                .. value.EnumerateArray().Select(
                    item
                        => item.ValueKind == JsonValueKind.Number && item.TryGetInt32(out int layer)
                            ? layer
                            : throw config.Bad(key, value, "an integer or a list of integers")),
            ];
            return layers.Length > 0 ? layers : throw config.Bad(key, value, "an integer or a list of integers");
        }

        return [config.Integer(key, -2)];
    }

    // False for the strategy that drops the class token, true for the one that keeps it.
    private static bool Strategy(ConfigReader config, string key, string drop, string keep)
    {
        string value = config.Text(key, drop)!;
        return value == keep
            || (value == drop ? false : throw new ApertureException($"{config.Where}: {key} '{value}' is not supported; use {drop} or {keep}."));
    }
}
