using System.Text.Json;
using Aperture.Decoding;
using Aperture.Files;
using Aperture.Generation;
using Aperture.Models;
using Aperture.Plugins.FlashSloth.Embq;
using Aperture.Plugins.FlashSloth.Sap;
using Aperture.Tasks;
using Aperture.Text;
using Aperture.Vision;
using Aperture.Weights;

namespace Aperture.Plugins.FlashSloth.Family;

/// <summary>
/// FlashSloth and FlashSloth-HD (Tong et al. 2024, arXiv 2412.04317): SigLIP-so400m, pooling, a projector, Phi-2, and learned queries that look at raw patches
/// inside the decoder. Pooling and queries' block are the method <c>flashsloth</c>, which is part of the model.
/// </summary>
internal sealed class FlashSlothFamily : IModelFamily
{
    public const string FamilyName = "flashsloth";

    private const string Architecture = "FlashSloth", Index = "model.safetensors.index.json", Head = "lm_head", Decoder = "model.";
    private const int PublishedQueryToken = 50295, PublishedEndToken = 50296;
    private static readonly string[] _tokenizerFiles = ["tokenizer.json", "vocab.json"];

    /// <summary>What becomes of the settings in a FlashSloth's <c>config.json</c>.</summary>
    public static SettingsList Settings { get; }
        = SettingsList.Read(typeof(FlashSlothFamily).Assembly, "Aperture.Plugins.FlashSloth.settings.txt")["config"].With(KnownSettings.Any);

    public string Name => FamilyName;

    public string Summary => "FlashSloth: SigLIP, pooled patches, Phi-2 and queries that look at the picture inside it; also in HD.";

    public IReadOnlyList<string> Recognised { get; } =
    [
        "config.json with an architecture FlashSloth…", "config.json with model_type phi and mm_vision_tower, and an index with model.lqformer",
    ];

    public FamilyMatch Recognises(ModelFolder folder)
    {
        if (folder.Config is not { ValueKind: JsonValueKind.Object })
        {
            return FamilyMatch.None;
        }

        bool named = (folder.Architecture ?? "").StartsWith(Architecture, StringComparison.OrdinalIgnoreCase)
            || (folder.ModelType ?? "").StartsWith(Architecture, StringComparison.OrdinalIgnoreCase);
        return named || (folder.ModelType == "phi" && folder.Says("mm_vision_tower") && IndexNamesQueries(folder)) ? FamilyMatch.Named : FamilyMatch.None;
    }

    public ModelParts Open(ModelFolder folder, ModelOpening opening)
    {
        FlashSlothConfig config = FlashSlothConfig.Parse(folder.Json(ModelFolder.ConfigFile), folder.At(ModelFolder.ConfigFile));
        FolderSettings.Check(folder, Settings, opening.Tell);
        ImageSettings.TellUnread(folder, opening.Tell);
        IWeightSource source = CheckpointWeights.Open(folder, opening);
        ITokenizer? tokenizer = Array.Exists(_tokenizerFiles, folder.Has) ? Tokenizers.FromFolder(folder.Path) : null;
        ModelParts parts = Parts(config, source, opening, tokenizer, folder.Path);
        GenerationOptions generation = GenerationSettings.Read(folder, opening.Tell);
        return parts with { Generation = generation with { EndOfSequence = [.. generation.EndOfSequence.Union(parts.Generation.EndOfSequence)] } };
    }

    /// <summary>The parts of a model over open weights.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="source">The checkpoint; must outlive the parts.</param>
    /// <param name="opening">Keeps the parts.</param>
    /// <param name="tokenizer">The tokenizer; null without one.</param>
    /// <param name="folder">The checkpoint's folder, for messages.</param>
    /// <param name="queryToken">The id that stands for the queries; null for the tokenizer's, or the published one.</param>
    /// <exception cref="ApertureException">Weights are missing, or do not belong to the configuration.</exception>
    public static ModelParts Parts(
        FlashSlothConfig config, IWeightSource source, ModelOpening opening, ITokenizer? tokenizer = null, string folder = "", int? queryToken = null)
    {
        const string Embeddings = Decoder + "embed_tokens.weight";
        if (config.BaseToken >= config.Decoder.VocabularySize)
        {
            throw new ApertureException(
                $"The base token {config.BaseToken} of the queries is not among the {config.Decoder.VocabularySize} of the vocabulary; write the right one "
                + "into config.json as query_base_token, or -1 for none.");
        }

        WeightPolicy policy = opening.Policy(source.Describe(Embeddings).ScalarType);
        VisionTransformerConfig vision = FlashSlothTower.Find(config, source, opening);
        int query = queryToken ?? tokenizer?.IdOf(FlashSlothComposer.Placeholder) ?? PublishedQueryToken, end = EndOf(tokenizer);
        VisionTransformerWeights tower = VisionTransformerWeights.Load(
            source, FlashSlothTower.Prefix, SiglipVision.Keys, vision, policy, config.Blocks(vision.Layers), postNorm: false);
        FlashSlothPictures pictures = new(vision.InputSize, config.Hd, (opening.Aspect ?? config.Aspect) == Images.ImageAspect.Pad);
        FlashSlothEncoder encoder =
            opening.Keep(new FlashSlothEncoder(new VisionTransformer(vision, tower, opening.Ops), pictures, opening.Ops, config.TowerFrozen));
        FlashSlothProjector projector = opening.Keep(
            FlashSlothProjector.Load(source, config.ProjectorLayers, vision.HiddenSize, config.Decoder.HiddenSize, policy));
        string Canonical(string name) => CanonicalWeights.NameOf(name, Decoder, Head, config.Decoder);
        return new ModelParts
        {
            Decoder = config.Decoder,
            Weights = source,
            Policy = policy,
            Encoder = encoder,
            Projector = projector,
            Packer = new FlashSlothPacker(query, end, config.BaseToken),
            Tokenizer = tokenizer,
            Prompts = new FlashSlothComposer(opening.Prompt, tokenizer, query, config.MaxLength, folder),
            Generation = new GenerationOptions { EndOfSequence = [end] },
            MaxPromptRows = config.MaxLength == int.MaxValue ? null : config.MaxLength,
            VisualTokens = pictures.Tiles * SpatialPooling.Cells(vision.InputGrid, config.PoolSize).Count,
            Checkpoint = source,
            Canonical = Canonical,
            IsClaimed = IsClaimed,
            OwnMethod = new OwnMethod(FlashSlothFactory.MethodName, config.Options),
            Training = new FlashSlothModelTraining(Canonical),
        };
    }

    // Answers end with the token that was added for it, whatever the files call the end of a text.
    private static int EndOf(ITokenizer? tokenizer) => tokenizer?.IdOf("</s>") ?? tokenizer?.EndId ?? PublishedEndToken;

    private static bool IsClaimed(string name)
        => FlashSlothProjector.Owns(name)
            || name.StartsWith(SpatialPooling.Prefix, StringComparison.Ordinal)
            || name.StartsWith(EmbqWeights.Prefix, StringComparison.Ordinal)
            || name.StartsWith(FlashSlothTower.Prefix, StringComparison.Ordinal)
            || name.EndsWith(".rotary_emb.inv_freq", StringComparison.Ordinal)
            || name.EndsWith(".position_ids", StringComparison.Ordinal);

    // The index is what tells a FlashSloth that calls itself a phi from another model built on one.
    private static bool IndexNamesQueries(ModelFolder folder)
    {
        const long Largest = 8 << 20;
        FileInfo index = new(folder.At(Index));
        return index.Exists && index.Length <= Largest && InputFile.Text(index.FullName, Largest).Contains(EmbqWeights.Prefix, StringComparison.Ordinal);
    }
}
