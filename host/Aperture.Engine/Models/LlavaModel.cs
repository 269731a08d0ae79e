using System.Text.Json;
using Aperture.Decoding;
using Aperture.Generation;
using Aperture.Images;
using Aperture.Measuring;
using Aperture.Models;
using Aperture.Sequences;
using Aperture.Text;
using Aperture.Vision;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Engine;

/// <summary>
/// A LLaVA-1.5 model opened from a checkpoint folder in either published layout: vision encoder, projector, decoder, tokenizer.
/// </summary>
public sealed partial class LlavaModel : VisionLanguageModel
{
    private LlavaModel(List<IDisposable> owned)
        : base(owned)
    {
    }

    /// <summary>The configuration.</summary>
    public required LlavaConfig Config { get; init; }

    /// <summary>The vision encoder.</summary>
    public required ClipVisionEncoder Encoder { get; init; }

    /// <summary>The projector.</summary>
    public required Projector Projector { get; init; }

    /// <summary>What stands around a question.</summary>
    public required PromptTemplate Template { get; init; }

    /// <summary>Where the checkpoint keeps its parts.</summary>
    public required LlavaKeys Keys { get; init; }

    /// <inheritdoc />
    public override ImageAspect? View => Config.Aspect;

    /// <inheritdoc />
    public override long TowerMacs => FlopCount.TowerMacs(Encoder.Tower);

    /// <summary>Opens a checkpoint folder.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="options">How to open it.</param>
    /// <param name="cancellationToken">Checked between tensors.</param>
    /// <exception cref="ApertureException">A file is missing or damaged, the configuration and the weights do not belong together, or the device is not there.</exception>
    public static LlavaModel Load(string folder, ModelOptions options, CancellationToken cancellationToken = default)
    {
        long started = System.Diagnostics.Stopwatch.GetTimestamp();
        Devices.Parse(options.Device);
        LlavaConfig config = ReadConfig(folder);
        if (options.Threads > 0)
        {
            set_num_threads(options.Threads);
        }

        List<IDisposable> owned = [];
        try
        {
            IWeightSource source = WeightFiles.Open(folder);
            owned.Add(source);
            LlavaKeys keys = LlavaKeys.Find(source, config);
            (ClipVisionConfig vision, IWeightSource tower, string towerPrefix) = FindTower(folder, config, source, keys, options, owned);
            string name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)));
            return Create(
                config,
                new LlavaWeights(source, keys, vision, tower, towerPrefix),
                options,
                owned,
                new LlavaFolder(name, Path.GetFullPath(folder), Processor(folder, config, vision, options), HasTokenizer(folder) ? Tokenizers.FromFolder(folder) : null, ReadGeneration(folder)),
                started,
                cancellationToken);
        }
        catch
        {
            Release(owned);
            throw;
        }
    }

    /// <summary>Builds a model over open weights, without a folder: no tokenizer, no generation settings.</summary>
    /// <param name="config">The configuration, with its vision tower's.</param>
    /// <param name="source">The weights; borrowed, and must outlive the model.</param>
    /// <param name="options">How to open it.</param>
    /// <param name="tower">Weights of a tower that is not inside; null where it is.</param>
    /// <exception cref="ApertureException">Configuration and weights do not belong together.</exception>
    public static LlavaModel Create(LlavaConfig config, IWeightSource source, ModelOptions options, IWeightSource? tower = null)
    {
        ClipVisionConfig vision = config.Vision ?? throw new ApertureException("The configuration names no vision tower's sizes (vision_config).");
        LlavaKeys keys = LlavaKeys.Find(source, config);
        LlavaWeights weights = new(source, keys, vision, tower ?? source, keys.Tower ?? "vision_model.");
        LlavaFolder none = new("model", "", Processor("", config, vision, options), null, new GenerationOptions());
        return Create(config, weights, options, [], none, System.Diagnostics.Stopwatch.GetTimestamp(), CancellationToken.None);
    }

    private static LlavaModel Create(
        LlavaConfig config, LlavaWeights weights, ModelOptions options, List<IDisposable> owned, LlavaFolder folder, long started, CancellationToken cancellationToken)
    {
        Device device = Devices.Parse(options.Device);
        T Own<T>(T item)
            where T : IDisposable
        {
            owned.Add(item);
            return item;
        }

        try
        {
            (IWeightSource source, LlavaKeys keys, ClipVisionConfig vision, IWeightSource towerSource, string towerPrefix) = weights;
            WeightPolicy policy = WeightPolicy.For(device, options.ScalarType, source.Describe(keys.Decoder + "embed_tokens.weight").ScalarType) with { Cancellation = cancellationToken };
            Ops ops = Own(new Ops(device, policy.Compute, options.Threads));
            int[] layers = config.ResolveFeatureLayers(vision.Layers);
            DecoderInfo info = Describe(folder.Name, config, vision);
            Decoder decoder = Own(new Decoder(config.Decoder, DecoderWeights.Load(source, keys.Decoder, keys.Head, config.Decoder, policy), ops, info));
            Projector projector = Own(Projector.Load(source, keys.Projector, vision.HiddenSize * layers.Length, config.Decoder.HiddenSize, config.ProjectorActivation, config.ProjectorBias, policy));
            ClipVisionTower tower = new(vision, ClipVisionWeights.Load(towerSource, towerPrefix, vision, policy, layers.Max(), postNorm: false), ops);
            ClipVisionEncoder encoder = Own(new ClipVisionEncoder(tower, folder.Processor, layers, config.KeepClassToken));
            return new LlavaModel(owned)
            {
                Name = info.Model,
                Folder = folder.Path,
                Config = config,
                Decoder = decoder,
                Encoder = encoder,
                Projector = projector,
                Tokenizer = folder.Tokenizer,
                Generation = folder.Generation,
                Template = PromptTemplates.Get(options.Prompt ?? (config.Layout == LlavaLayout.HuggingFace ? "llava_hf" : "vicuna_v1")),
                Ops = ops,
                Keys = keys,
                Checkpoint = source,
                Unclaimed = LlavaKeys.Unclaimed(source, name => IsLoaded(name, keys, decoder, projector)),
                LoadTime = System.Diagnostics.Stopwatch.GetElapsedTime(started),
            };
        }
        catch
        {
            Release(owned);
            throw;
        }
    }

    /// <inheritdoc />
    public override IReadOnlyList<VisionFeatures> Encode(IReadOnlyList<Image> images, VisionTrunkHooks? hooks, CancellationToken cancellationToken)
    {
        VisionInput[] inputs = [.. images.Select(image => Prepare(image))];
        try
        {
            return Encoder.Encode(inputs, hooks is null ? VisionRequest.Plain : VisionRequest.Plain with { Hooks = hooks }, cancellationToken);
        }
        finally
        {
            foreach (VisionInput input in inputs)
            {
                input.Dispose();
            }
        }
    }

    /// <inheritdoc />
    public override VisualTokens Project(VisionFeatures features)
        => new(Projector.Run(features.Tokens), features.Grid, features.Places ?? [.. Enumerable.Range(0, (int)features.Tokens.size(0))]);

    /// <inheritdoc />
    public override long ProjectorMacs(int rows) => Projector.Layers.Sum(layer => (long)rows * layer.Inputs * layer.Outputs);

    private VisionInput Prepare(Image image)
    {
        Image rgb = image.ConvertToRgb();
        return Encoder.Prepare(rgb.Pixels, rgb.Width, rgb.Height);
    }

    private static LlavaConfig ReadConfig(string folder)
    {
        string path = Path.Combine(folder, "config.json");
        if (!File.Exists(path))
        {
            throw new ApertureException(Directory.Exists(folder)
                ? $"Folder '{folder}' has no config.json, so it is not a checkpoint; name a folder in a published layout."
                : $"There is no folder '{folder}'; name a checkpoint folder, a shipped model such as tiny-llava, or a hub id fetched with 'aperture pull'.");
        }

        using JsonDocument json = Checkpoints.ReadJson(path);
        return LlavaConfig.Parse(json.RootElement, path);
    }

    private static (ClipVisionConfig Config, IWeightSource Source, string Prefix) FindTower(
        string folder, LlavaConfig config, IWeightSource source, LlavaKeys keys, ModelOptions options, List<IDisposable> owned)
    {
        if (keys.Tower is { } inside && config.Vision is { } vision)
        {
            return (vision, source, inside);
        }

        string tower = options.Tower ?? TowerFolders.Find(folder, config.TowerName);
        string path = Path.Combine(tower, "config.json");
        if (!File.Exists(path))
        {
            throw new ApertureException($"Tower folder '{tower}' has no config.json; name the folder of the CLIP checkpoint ({config.TowerName ?? "openai/clip-vit-large-patch14-336"}).");
        }

        using JsonDocument json = Checkpoints.ReadJson(path);
        ClipVisionConfig parsed = ClipVisionConfig.Parse(json.RootElement, path);
        if (keys.Tower is { } own)
        {
            return (parsed, source, own);
        }

        IWeightSource weights = WeightFiles.Open(tower);
        owned.Add(weights);
        return (parsed, weights, weights.Contains("vision_model.embeddings.class_embedding") ? "vision_model." : "");
    }

    private static ClipImageProcessor Processor(string folder, LlavaConfig config, ClipVisionConfig vision, ModelOptions options)
    {
        string path = Path.Combine(folder, "preprocessor_config.json");
        ClipImageProcessorConfig processor = new() { ShortestEdge = vision.ImageSize, CropHeight = vision.ImageSize, CropWidth = vision.ImageSize };
        if (File.Exists(path))
        {
            using JsonDocument json = Checkpoints.ReadJson(path);
            processor = ClipImageProcessorConfig.Parse(json.RootElement, path);
        }

        return new ClipImageProcessor(processor with { PadToSquare = (options.Aspect ?? config.Aspect) == ImageAspect.Pad });
    }

    private static DecoderInfo Describe(string name, LlavaConfig config, ClipVisionConfig vision)
        => config.Decoder.Describe(name, (vision.Grid * vision.Grid) + (config.KeepClassToken ? 1 : 0));

    private static bool IsLoaded(string name, LlavaKeys keys, Decoder decoder, Projector projector)
        => decoder.Weights.Named(keys.Decoder, keys.Head).Any(n => n.Name == name)
            || projector.Named().Any(n => n.Name == name)
            || (keys.Tower is { } tower && name.StartsWith(tower, StringComparison.Ordinal));

    private static GenerationOptions ReadGeneration(string folder)
    {
        string path = Path.Combine(folder, "generation_config.json");
        if (!File.Exists(path))
        {
            return new GenerationOptions();
        }

        using JsonDocument json = Checkpoints.ReadJson(path);
        return GenerationOptions.Parse(json.RootElement, path);
    }

    private static bool HasTokenizer(string folder)
        => new[] { "tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt" }.Any(file => File.Exists(Path.Combine(folder, file)));

    private sealed record LlavaWeights(IWeightSource Source, LlavaKeys Keys, ClipVisionConfig Vision, IWeightSource Tower, string TowerPrefix);

    private sealed record LlavaFolder(string Name, string Path, ClipImageProcessor Processor, ITokenizer? Tokenizer, GenerationOptions Generation);
}
