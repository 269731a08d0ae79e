using System.Diagnostics;
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
/// LaVIN (Luo et al. 2023): LLaMA and CLIP, frozen, with small adapters before every attention of both. A picture enters as the class tokens after every fourth block of the
/// tower; before the text stands a modality token that only adapters read. What adapters compute comes from the method <c>eas</c>, which is part of this model.
/// </summary>
public sealed partial class LavinModel : VisionLanguageModel
{
    private const int BlocksPerTap = 4;

    private LavinModel(List<IDisposable> owned)
        : base(owned)
    {
    }

    /// <summary>The vision tower.</summary>
    public required ClipVisionTower Tower { get; init; }

    /// <summary>The projection of class tokens, and the modality embeddings.</summary>
    public required LavinProjection Projection { get; init; }

    /// <summary>The preprocessing; it takes pictures in RGB.</summary>
    public required TorchvisionProcessor Processor { get; init; }

    /// <summary>Whether the checkpoint is one of EAS: it has adapters that stand in for attention.</summary>
    public bool HasReplacements => Checkpoint.Names.Any(name => name.Contains(".replaced_adapter.", StringComparison.Ordinal));

    /// <summary>Visual tokens of a picture: the class token after every fourth block.</summary>
    public int Taps => Tower.Config.Layers / BlocksPerTap;

    /// <inheritdoc />
    public override MethodUse? OwnMethod => new("eas", LavinArguments.Options(Checkpoint));

    /// <inheritdoc />
    public override ImageAspect? View => null;

    /// <inheritdoc />
    public override long TowerMacs => FlopCount.TowerMacs(Tower);

    /// <summary>Opens the files of a LaVIN: see <see cref="LavinFiles"/> for where they are looked for.</summary>
    /// <param name="folder">The folder of LLaMA, or the one above it.</param>
    /// <param name="options">How to open it.</param>
    /// <param name="cancellationToken">Checked between tensors.</param>
    /// <exception cref="ApertureException">A file is missing or damaged, the files do not belong together, or the device is not there.</exception>
    public static LavinModel Load(string folder, ModelOptions options, CancellationToken cancellationToken = default)
    {
        long started = Stopwatch.GetTimestamp();
        Devices.Parse(options.Device);
        LavinFiles files = LavinFiles.Find(folder, options);
        if (options.Threads > 0)
        {
            set_num_threads(options.Threads);
        }

        List<IDisposable> owned = [];
        T Own<T>(T item)
            where T : IDisposable
        {
            owned.Add(item);
            return item;
        }

        try
        {
            (IWeightSource llama, DecoderConfig decoder) = OpenLlama(files.Llama, owned);
            (IWeightSource clip, ClipVisionConfig vision) = OpenClip(files.Clip, owned);
            IWeightSource adapters = Own(files.Adapters is { } file ? WeightFiles.Open(file, new WeightFileOptions { Lenient = true }) : new LavinFreshAdapters(decoder, vision));
            ITokenizer? tokenizer = files.Tokenizer is { } place ? Tokenizers.FromFolder(place, new TokenizerOptions { Class = "LlamaTokenizer", Fast = false, Legacy = true, AddBegin = false }) : null;
            LavinWeights weights = new(llama, decoder, clip, vision, adapters);
            return Create(weights, options, owned, Path.GetFullPath(folder), tokenizer, started, cancellationToken);
        }
        catch
        {
            Release(owned);
            throw;
        }
    }

    /// <summary>Builds a model over open weights, without a folder and without a tokenizer.</summary>
    /// <param name="weights">The weights; borrowed, and must outlive the model.</param>
    /// <param name="options">How to open it.</param>
    /// <exception cref="ApertureException">The weights do not belong together.</exception>
    public static LavinModel Create(LavinWeights weights, ModelOptions options) => Create(weights, options, [], "", null, Stopwatch.GetTimestamp(), CancellationToken.None);

    /// <inheritdoc />
    public override IReadOnlyList<VisionFeatures> Encode(IReadOnlyList<Image> images, VisionTrunkHooks? hooks, CancellationToken cancellationToken)
    {
        if (images.Count == 0)
        {
            return [];
        }

        using Tensor pixels = Pixels([.. images]);
        return EncodePixels(pixels, hooks, cancellationToken);
    }

    /// <summary>Preprocesses pictures. Where there is none, its values are zeros, as in the official code.</summary>
    /// <param name="images">At least one picture, or null for a text without.</param>
    /// <returns><c>[images, 3, side, side]</c>; the caller disposes it.</returns>
    public Tensor Pixels(IReadOnlyList<Image?> images)
    {
        using DisposeScope scope = NewDisposeScope();
        int side = Processor.Config.Size;
        return stack([.. images.Select(image => image is null ? zeros(3, side, side) : Processor.Process(image.ConvertToRgb()))], 0).MoveToOuterDisposeScope();
    }

    /// <summary>Encodes normalised pixels.</summary>
    /// <param name="pixels"><c>[batch, 3, side, side]</c>; borrowed.</param>
    /// <param name="hooks">Callbacks inside the tower; null for none.</param>
    /// <param name="cancellationToken">Checked between blocks.</param>
    /// <returns>For each picture its class tokens <c>[taps, C]</c>; the caller disposes them.</returns>
    public IReadOnlyList<VisionFeatures> EncodePixels(Tensor pixels, VisionTrunkHooks? hooks, CancellationToken cancellationToken)
    {
        using Tensor taps = ClassTokens(Tower, pixels, hooks, cancellationToken);
        return [.. Enumerable.Range(0, (int)pixels.size(0)).Select(i => new VisionFeatures(taps.select(0, i), new VisualGrid(1, Taps)))];
    }

    /// <summary>The class tokens after every fourth block.</summary>
    /// <param name="tower">The tower, or the same one with gradients; borrowed.</param>
    /// <param name="pixels"><c>[batch, 3, side, side]</c>; borrowed.</param>
    /// <param name="hooks">Callbacks inside the tower; null for none.</param>
    /// <param name="cancellationToken">Checked between blocks.</param>
    /// <returns><c>[batch, taps, C]</c>; the caller disposes it.</returns>
    internal Tensor ClassTokens(ClipVisionTower tower, Tensor pixels, VisionTrunkHooks? hooks, CancellationToken cancellationToken)
    {
        int[] states = [.. Enumerable.Range(1, Taps).Select(tap => tap * BlocksPerTap)];
        IReadOnlyDictionary<int, Tensor> hidden = tower.Run(pixels, states.ToHashSet(), hooks, cancellationToken);
        using DisposeScope scope = NewDisposeScope();
        Tensor taps = stack([.. states.Select(state => hidden[state].select(1, 0))], 1); // [batch, tokens, C] -> [batch, taps, C]
        foreach (Tensor state in hidden.Values)
        {
            state.Dispose();
        }

        return taps.MoveToOuterDisposeScope();
    }

    /// <inheritdoc />
    public override VisualTokens Project(VisionFeatures features)
        => new(Projection.Run(features.Tokens), features.Grid, features.Places ?? [.. Enumerable.Range(0, (int)features.Tokens.size(0))]);

    /// <inheritdoc />
    public override long ProjectorMacs(int rows) => rows * Projection.RowMacs;

    private static LavinModel Create(
        LavinWeights weights, ModelOptions options, List<IDisposable> owned, string folder, ITokenizer? tokenizer, long started, CancellationToken cancellationToken)
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
            (IWeightSource llama, DecoderConfig config, IWeightSource clip, ClipVisionConfig vision, IWeightSource adapters) = weights;
            WeightPolicy policy = WeightPolicy.For(device, options.ScalarType, llama.Describe("model.embed_tokens.weight").ScalarType) with { Cancellation = cancellationToken };
            Ops ops = Own(new Ops(device, policy.Compute, options.Threads));
            string name = folder.Length == 0 ? "lavin" : Path.GetFileName(Path.TrimEndingDirectorySeparator(folder));
            DecoderInfo info = config.Describe(name, vision.Layers / BlocksPerTap);
            Decoder decoder = Own(new Decoder(config, DecoderWeights.Load(llama, "model.", "lm_head", config, policy), ops, info));
            LavinProjection projection = Own(LavinProjection.Load(adapters, vision.HiddenSize, config.HiddenSize, policy));
            int blocks = vision.Layers / BlocksPerTap * BlocksPerTap;
            return new LavinModel(owned)
            {
                Name = name,
                Folder = folder,
                Decoder = decoder,
                Tower = Own(new ClipVisionTower(vision, ClipVisionWeights.Load(clip, "", vision, policy, blocks, postNorm: false), ops)),
                Projection = projection,
                Processor = new TorchvisionProcessor(Preprocessing(vision.ImageSize)),
                Tokenizer = tokenizer,
                Generation = new GenerationOptions { MaxNewTokens = 64, Temperature = 0.1, TopP = 0.75, TopK = 0 },
                Ops = ops,
                Checkpoint = adapters,
                Unclaimed = [.. adapters.Names.Where(entry => !LavinProjection.Owns(entry))],
                PromptName = PromptOf(options.Prompt),
                LoadTime = Stopwatch.GetElapsedTime(started),
            };
        }
        catch
        {
            Release(owned);
            throw;
        }
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

    private static (IWeightSource Weights, DecoderConfig Config) OpenLlama(string folder, List<IDisposable> owned)
    {
        if (MetaLlamaWeights.IsIn(folder))
        {
            MetaLlamaWeights meta = MetaLlamaWeights.Open(folder);
            owned.Add(meta);
            return (meta, meta.Config);
        }

        string file = Path.Combine(folder, "config.json");
        using JsonDocument json = Checkpoints.ReadJson(file);
        DecoderConfig config = DecoderConfig.Parse(json.RootElement, file);
        IWeightSource source = WeightFiles.Open(folder);
        owned.Add(source);
        return (source, config);
    }

    private static (IWeightSource Weights, ClipVisionConfig Config) OpenClip(string path, List<IDisposable> owned)
    {
        IWeightSource source = WeightFiles.Open(path, new WeightFileOptions { Lenient = true });
        owned.Add(source);
        if (!Directory.Exists(path))
        {
            OpenAiClipWeights openAi = new(source);
            return (openAi, openAi.ReadConfig());
        }

        string file = Path.Combine(path, "config.json");
        using JsonDocument json = Checkpoints.ReadJson(file);
        return (source.Contains("vision_model.embeddings.class_embedding") ? source.Under("vision_model.") : source, ClipVisionConfig.Parse(json.RootElement, file));
    }
}
