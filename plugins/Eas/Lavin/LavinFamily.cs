using System.Text.Json;
using Aperture.Decoding;
using Aperture.Generation;
using Aperture.Images;
using Aperture.Models;
using Aperture.Tasks;
using Aperture.Text;
using Aperture.Vision;
using Aperture.Weights;

namespace Aperture.Plugins.Eas.Lavin;

/// <summary>
/// LaVIN (Luo et al. 2023): LLaMA and CLIP, frozen, with small adapters before every attention of both. A picture enters as the class tokens after every fourth
/// block of the tower; before the text stands a modality token that only adapters read. What adapters compute comes from the method <c>eas</c>, which is part
/// of the model.
/// </summary>
internal sealed class LavinFamily : IModelFamily
{
    public const string FamilyName = "lavin";

    public string Name => FamilyName;

    public string Summary => "LaVIN: a frozen LLaMA and OpenAI's CLIP with adapters, and what EAS trained on it.";

    public IReadOnlyList<string> Recognised { get; } =
        [
            "LLaMA in Meta's layout (params.json and consolidated.00.pth), in the folder or in one below it",
            "config.json with model_type llama beside OpenAI's ViT-L-14.pt",
        ];

    public FamilyMatch Recognises(ModelFolder folder) => LavinFiles.IsLavin(folder.Path) ? FamilyMatch.Named : FamilyMatch.None;

    public ModelParts Open(ModelFolder folder, ModelOpening opening)
    {
        LavinFiles files = LavinFiles.Find(folder.Path, opening);
        (IWeightSource llama, DecoderSpec decoder) = OpenLlama(files.Llama, opening);
        (IWeightSource clip, VisionTransformerConfig vision) = OpenClip(files.Clip, opening);
        IWeightSource adapters = files.Adapters is { } file
            ? WeightFiles.Open(file, new WeightFileOptions { Lenient = true })
            : new LavinFreshAdapters(decoder, vision);
        opening.Keep(adapters);
        TokenizerOptions reading = new() { Class = "LlamaTokenizer", Fast = false, Legacy = true, AddBegin = false };
        ITokenizer? tokenizer = files.Tokenizer is { } place ? Tokenizers.FromFolder(place, reading) : null;
        return Parts(new LavinWeights(llama, decoder, clip, vision, adapters), opening, tokenizer, folder.Path);
    }

    /// <summary>The parts of a model over open weights.</summary>
    /// <param name="weights">The weights; borrowed, and must outlive the parts.</param>
    /// <param name="opening">Keeps the parts.</param>
    /// <param name="tokenizer">The tokenizer; null without one.</param>
    /// <param name="folder">The checkpoint's folder, for messages.</param>
    /// <exception cref="ApertureException">The weights do not belong together.</exception>
    public static ModelParts Parts(LavinWeights weights, ModelOpening opening, ITokenizer? tokenizer = null, string folder = "")
    {
        (IWeightSource llama, DecoderSpec config, IWeightSource clip, VisionTransformerConfig vision, IWeightSource adapters) = weights;
        WeightPolicy policy = opening.Policy(llama.Describe("model.embed_tokens.weight").ScalarType);
        LavinProjection projection = opening.Keep(LavinProjection.Load(adapters, vision.HiddenSize, config.HiddenSize, policy));
        VisionTransformer tower = new(vision, ClipVision.Load(clip, "", vision, policy, LavinEncoder.Blocks(vision), postNorm: false), opening.Ops);
        LavinEncoder encoder = opening.Keep(new LavinEncoder(tower, new TorchvisionProcessor(Preprocessing(vision.ImageSize))));
        return new ModelParts
        {
            Decoder = config,
            Weights = llama,
            Policy = policy,
            Encoder = encoder,
            Projector = projection,
            Packer = new LavinPacker(),
            Tokenizer = tokenizer,
            Prompts = new LavinComposer(opening.Prompt, tokenizer, folder),
            Generation = new GenerationOptions { MaxNewTokens = 64, Temperature = 0.1, TopP = 0.75, TopK = 0 },
            VisualTokens = encoder.Taps,
            Checkpoint = adapters,
            IsClaimed = LavinProjection.Owns,
            OwnMethod = new OwnMethod(EasFactory.MethodName, LavinArguments.Options(adapters)),
            Training = new LavinTraining(adapters),
        };
    }

    /// <summary>Preprocessing: the whole picture to a square whatever its sides, bicubic; ImageNet's mean and deviation, although the tower is CLIP.</summary>
    /// <param name="side">Side of the square in pixels.</param>
    public static TorchvisionProcessorConfig Preprocessing(int side) => new()
    {
        Size = side,
        CropCentre = false,
        Mean = TorchvisionProcessorConfig.ImageNetMean,
        Deviation = TorchvisionProcessorConfig.ImageNetDeviation,
    };

    private static (IWeightSource Weights, DecoderSpec Config) OpenLlama(string folder, ModelOpening opening)
    {
        if (MetaLlamaWeights.IsIn(folder))
        {
            string parameters = Path.Combine(folder, MetaLlamaWeights.ParametersFile);
            KnownSettings.MetaLlama.Require(ModelFolder.ReadJson(parameters), parameters, opening.Tell);
            MetaLlamaWeights meta = opening.Keep(MetaLlamaWeights.Open(folder));
            return (meta, meta.Config);
        }

        string file = Path.Combine(folder, ModelFolder.ConfigFile);
        JsonElement json = ModelFolder.ReadJson(file);
        KnownSettings.Text.Require(json, file, opening.Tell);
        DecoderSpec config = DecoderSpec.Parse(json, file);
        return (opening.Keep(WeightFiles.Open(folder)), config);
    }

    private static (IWeightSource Weights, VisionTransformerConfig Config) OpenClip(string path, ModelOpening opening)
    {
        IWeightSource source = opening.Keep(WeightFiles.Open(path, new WeightFileOptions { Lenient = true }));
        if (!Directory.Exists(path))
        {
            OpenAiClipWeights openAi = new(source);
            return (openAi, openAi.ReadConfig());
        }

        string file = Path.Combine(path, ModelFolder.ConfigFile);
        JsonElement json = ModelFolder.ReadJson(file);
        return (source.Contains("vision_model.embeddings.class_embedding") ? source.Under("vision_model.") : source, ClipVision.Parse(json, file));
    }
}

/// <summary>What a LaVIN is built from. Sources are borrowed.</summary>
/// <param name="Llama">LLaMA under Hugging Face's names, such as <see cref="MetaLlamaWeights"/>.</param>
/// <param name="Decoder">Its sizes.</param>
/// <param name="Clip">The vision tower under Hugging Face's names without prefix, such as <see cref="OpenAiClipWeights"/>.</param>
/// <param name="Vision">Its sizes.</param>
/// <param name="Adapters">The adapters under their published names, without <c>module.</c>.</param>
internal sealed record LavinWeights(IWeightSource Llama, DecoderSpec Decoder, IWeightSource Clip, VisionTransformerConfig Vision, IWeightSource Adapters);
