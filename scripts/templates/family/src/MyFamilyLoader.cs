using System.Text.Json;
using Aperture.Decoding;
using Aperture.Generation;
using Aperture.Images;
using Aperture.Models;
using Aperture.Tasks;
using Aperture.Text;
using Aperture.Vision;
using Aperture.Weights;

namespace MyFamily;

/// <summary>LLaVA's shape around a SigLIP tower, in Hugging Face's layout: recognises such a folder and gives a model's parts.</summary>
internal sealed class MyFamilyLoader : IModelFamily
{
    public const string FamilyName = "myfamily";

    private const string GenerationFile = "generation_config.json";

    public string Name => FamilyName;

    public string Summary => "LLaVA's shape around SigLIP: two linear layers and a LLaMA-type decoder, in Hugging Face's layout.";

    public IReadOnlyList<string> Recognised { get; } = ["config.json with model_type llava and a vision_config of model_type siglip_vision_model"];

    // Looks at the configuration only; what it cannot make sense of is none of its.
    public FamilyMatch Recognises(ModelFolder folder)
        => folder.ModelType == "llava" && folder.Config is { } config
            && config.TryGetProperty("vision_config", out JsonElement vision) && vision.ValueKind == JsonValueKind.Object
            && vision.TryGetProperty("model_type", out JsonElement tower) && tower.ValueKind == JsonValueKind.String
            && tower.GetString() == MyFamilyConfig.Tower
            ? FamilyMatch.Named
            : FamilyMatch.None;

    // What must be disposed goes into the opening's keeping: it is disposed with the model, or at once where opening fails.
    public ModelParts Open(ModelFolder folder, ModelOpening opening)
    {
        MyFamilyConfig config = MyFamilyConfig.Parse(folder.Json(ModelFolder.ConfigFile), folder.At(ModelFolder.ConfigFile));
        ClipImageProcessor processor = new(MyFamilyPictures.Parse(folder, config.Vision.ImageSize) with { PadToSquare = opening.Aspect == ImageAspect.Pad });
        ITokenizer tokenizer = Tokenizers.FromFolder(folder.Path);
        IWeightSource checkpoint = opening.Keep(WeightFiles.Open(folder.Path));
        IWeightSource canonical = checkpoint.Rename(MyFamilyKeys.Canonical);
        WeightPolicy policy = opening.Policy(canonical.Describe("model.embed_tokens.weight").ScalarType);

        // The blocks behind the feature layer, the norm behind them and SigLIP's pooling head take no part.
        VisionTransformerWeights tower = VisionTransformerWeights.Load(
            checkpoint, MyFamilyKeys.Tower, SiglipVision.Keys, config.Vision, policy, config.FeatureLayer, postNorm: false);
        VisionTransformerEncoder encoder = opening.Keep(
            new VisionTransformerEncoder(new VisionTransformer(config.Vision, tower, opening.Ops), processor, [config.FeatureLayer], keepClassToken: false));
        Projector projector = opening.Keep(Projector.Load(
            checkpoint, MyFamilyKeys.Projector, config.Vision.HiddenSize, config.Decoder.HiddenSize, config.ProjectorActivation, config.ProjectorBias, policy));
        return new ModelParts
        {
            Decoder = config.Decoder,
            Weights = canonical,
            Policy = policy,
            Encoder = encoder,
            Projector = projector,
            Packer = new PlaceholderPacker(config.ImageToken),
            Tokenizer = tokenizer,
            Prompts = new MyFamilyPrompts(PromptTemplates.Get(opening.Prompt ?? "llava_hf"), tokenizer, config.ImageToken),
            Generation = folder.Has(GenerationFile)
                ? GenerationOptions.Parse(folder.Json(GenerationFile), folder.At(GenerationFile))
                : new GenerationOptions(),
            VisualTokens = encoder.Tokens,
            Checkpoint = checkpoint,
            Canonical = MyFamilyKeys.Canonical,
            IsClaimed = MyFamilyKeys.IsClaimed,
            Training = new MyFamilyTraining(),
        };
    }
}
