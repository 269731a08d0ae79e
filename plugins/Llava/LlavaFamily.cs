using System.Text.Json;
using Aperture.Decoding;
using Aperture.Generation;
using Aperture.Images;
using Aperture.Models;
using Aperture.Tasks;
using Aperture.Text;
using Aperture.Vision;
using Aperture.Weights;

namespace Aperture.Plugins.Llava;

/// <summary>
/// LLaVA-1.5 and 1.6 in their authors' layout and in Hugging Face's (Liu et al. 2023, arXiv 2310.03744): a CLIP tower, a projector of linear layers, a
/// LLaMA-type decoder; 1.6 looks at a picture in tiles as well.
/// </summary>
internal sealed class LlavaFamily : IModelFamily
{
    public const string FamilyName = "llava";

    private static readonly string[] _tokenizerFiles = ["tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt"];
    private static readonly string[] _others = ["llava_onevision", "llava_next_video"]; // of LLaVA's name, with another way of looking

    public string Name => FamilyName;

    public string Summary => "LLaVA-1.5 and 1.6 (NeXT): CLIP, a projector and a LLaMA-type decoder, in the authors' layout or in Hugging Face's.";

    public IReadOnlyList<string> Recognised { get; } =
    [
        "config.json with model_type llava or llava_next", "config.json with mm_vision_tower or mm_projector_type, as the authors' code writes it",
    ];

    public FamilyMatch Recognises(ModelFolder folder)
    {
        string type = folder.ModelType ?? "";
        if (folder.Config is not { ValueKind: JsonValueKind.Object } || _others.Contains(type) || folder.Says("llm_cfg"))
        {
            return FamilyMatch.None;
        }

        string tower = folder.Config.Value.TryGetProperty("vision_config", out JsonElement vision) && vision.ValueKind == JsonValueKind.Object
            && vision.TryGetProperty("model_type", out JsonElement kind) && kind.ValueKind == JsonValueKind.String ? kind.GetString()! : "clip";
        if (!tower.StartsWith("clip", StringComparison.Ordinal))
        {
            return FamilyMatch.None; // LLaVA's shape around another tower is another family's
        }

        bool original = folder.Says("mm_vision_tower") || folder.Says("mm_projector_type") || folder.Says("mm_hidden_size");
        return type is "llava" or "llava_next" || (type.StartsWith("llava_", StringComparison.Ordinal) && original) ? FamilyMatch.Named
            : original ? FamilyMatch.Shape
            : FamilyMatch.None;
    }

    public ModelParts Open(ModelFolder folder, ModelOpening opening)
    {
        LlavaConfig config = LlavaConfig.Parse(folder.Json(ModelFolder.ConfigFile), folder.At(ModelFolder.ConfigFile));
        FolderSettings.Check(folder, KnownSettings.Config, opening.Tell);
        IWeightSource source = LlavaKeys.Unwrapped(LlavaBase.Under(CheckpointWeights.Open(folder, opening), folder, opening));
        LlavaKeys keys = LlavaKeys.Find(source, config, folder.Base ?? folder.Path);
        VisionEncoderParts? encoder = LlavaEncoders.Find(config, source, keys, folder, opening);
        LlavaTower? tower = encoder is null ? LlavaTower.Find(folder.Path, config, source, keys, opening) : null;
        if (encoder is not null)
        {
            ImageSettings.TellUnread(folder, opening.Tell);
        }

        ITokenizer? tokenizer = Array.Find(_tokenizerFiles, folder.Has) is { } file ? LlavaMarks.Open(Path.GetDirectoryName(folder.At(file))!, config) : null;
        ClipImageProcessorConfig? processor = tower is null ? null : LlavaSettings.Pictures(config, config.ForInput(tower.Config), folder, opening.Tell);
        LlavaPrompts prompts = LlavaPrompts.Find(config, folder, tokenizer, opening);
        ModelParts parts = Parts(config, source, keys, tower, opening, tokenizer, processor, folder.Path, encoder, prompts);
        GenerationOptions generation = GenerationSettings.Read(folder, opening.Tell);
        return parts with
        {
            Generation = generation with
            {
                EndOfSequence = [.. generation.EndOfSequence.Union(parts.Generation.EndOfSequence)],
                StopStrings = [.. generation.StopStrings.Union(parts.Generation.StopStrings)],
            },
        };
    }

    /// <summary>The parts of a model over open weights.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="source">The checkpoint; must outlive the parts.</param>
    /// <param name="keys">Where the checkpoint keeps its parts.</param>
    /// <param name="tower">The vision tower's weights; null where the encoder is given.</param>
    /// <param name="opening">Keeps the parts.</param>
    /// <param name="tokenizer">The tokenizer; null without one.</param>
    /// <param name="processor">The checkpoint's preprocessing; null for CLIP's at the tower's size.</param>
    /// <param name="folder">The checkpoint's folder, for messages.</param>
    /// <param name="encoder">An encoder that another plugin opened; null for CLIP over <paramref name="tower"/>.</param>
    /// <param name="prompts">How prompts are written; null for the template that the configuration tells.</param>
    public static ModelParts Parts(
        LlavaConfig config, IWeightSource source, LlavaKeys keys, LlavaTower? tower, ModelOpening opening, ITokenizer? tokenizer = null,
        ClipImageProcessorConfig? processor = null, string folder = "", VisionEncoderParts? encoder = null,
        LlavaPrompts? prompts = null)
    {
        IWeightSource canonical = source.Rename(keys.Canonical);
        WeightPolicy policy = opening.Policy(canonical.Describe("model.embed_tokens.weight").ScalarType);
        string[] projector = LlavaKeys.CanonicalProjector(keys.Projector.Count);
        VisionEncoderParts sight = encoder ?? Clip(config, tower!, opening, policy, processor);
        prompts ??= new LlavaPrompts(PromptTemplates.Get(opening.Prompt ?? LlavaNextParts.Template(config, tokenizer)));
        ModelParts parts = new()
        {
            Decoder = config.Decoder,
            Weights = canonical,
            Policy = policy,
            Encoder = sight.Encoder,
            Projector = opening.Keep(
                Projector.Load(
                    canonical, projector, sight.Encoder.Channels, config.Decoder.HiddenSize, config.ProjectorActivation, config.ProjectorBias,
                    policy)),
            Packer = new PlaceholderPacker(config.ImageToken)
            {
                MaxRows = LlavaSettings.Rows(config, opening),
                OnTooLong = LlavaSettings.TooLong(config, opening, folder),
                SeenIds = config.Layout == LlavaLayout.HuggingFace ? null : _ => tokenizer?.BeginId is { } begin ? [begin] : [],
            },
            Tokenizer = tokenizer,
            Prompts = new LlavaComposer(config, prompts, tokenizer, folder),
            Generation = prompts is { Own: null, Template: { Style: PromptStyle.Single, StopString: { } stop } } // the oldest models end with it
                ? new GenerationOptions { StopStrings = [stop] }
                : new GenerationOptions(),
            VisualTokens = sight.VisualTokens,
            Checkpoint = source,
            Canonical = keys.Canonical,
            IsClaimed = name => keys.IsClaimed(name) || sight.IsClaimed(name),
            Training = new LlavaTraining(keys),
        };
        return (opening.Aspect ?? config.Aspect) != ImageAspect.AnyRes ? parts
            : encoder is null ? LlavaNextParts.Of(parts, config, (VisionTransformerEncoder)sight.Encoder, opening, folder)
            : throw new ApertureException(
                $"'{folder}' has an encoder of its own, which looks at a picture once; use pad or crop instead of anyres.");
    }

    // LLaVA's own: one CLIP tower.
    private static VisionEncoderParts Clip(
        LlavaConfig config, LlavaTower tower, ModelOpening opening, WeightPolicy policy, ClipImageProcessorConfig? processor)
    {
        VisionTransformerConfig vision = config.ForInput(tower.Config);
        int[] layers = config.ResolveFeatureLayers(vision.Layers);
        ClipImageProcessorConfig picture = processor is not null && config.InputImageSize is null
            ? processor
            : (processor ?? new ClipImageProcessorConfig()) with
            {
                ShortestEdge = vision.InputSize,
                CropHeight = vision.InputSize,
                CropWidth = vision.InputSize,
            };
        VisionTransformer trunk = new(vision, ClipVision.Load(tower.Weights, tower.Prefix, vision, policy, layers.Max(), postNorm: false), opening.Ops);
        bool pads = config.Aspect == ImageAspect.Crop && picture.PadToSquare;
        ImageAspect aspect = opening.Aspect ?? (pads ? ImageAspect.Pad : config.Aspect);
        ClipImageProcessor preprocessing = new(picture with { PadToSquare = aspect == ImageAspect.Pad });
        VisionTransformerEncoder encoder = opening.Keep(new VisionTransformerEncoder(trunk, preprocessing, layers, config.KeepClassToken));
        return new VisionEncoderParts { Encoder = encoder, IsClaimed = _ => false, VisualTokens = encoder.Tokens }; // its keys are the family's
    }
}
