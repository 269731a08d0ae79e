using System.Text.Json;
using Aperture.Decoding;
using Aperture.Images;
using Aperture.Models;
using Aperture.Vision;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Plugins.LlavaHr;

/// <summary>
/// Opens LLaVA-HR's encoder from a published checkpoint: both towers, adapters and last step are in it, sizes are those of its tensors, and
/// <c>config.json</c> says the resolution.
/// </summary>
internal sealed class LlavaHrFactory : IVisionEncoderFactory
{
    public const string EncoderName = "llava-hr";

    private const int DefaultSide = 1024, LargeWidth = 1536, ExtraWidth = 3072;

    public string Name => EncoderName;

    public string Summary => "LLaVA-HR: a ConvNeXt at high resolution and CLIP at low resolution, joined by mixture-of-resolution adapters.";

    public IReadOnlyList<MethodOption> Options => MethodOptions.Describe(OptionsJson.Default.LlavaHrOptions);

    public bool Recognises(EncoderCheckpoint checkpoint)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        return Flag(checkpoint.Config, "is_multipath_encoder") ?? LlavaHrKeys.Find(checkpoint.Weights) is not null;
    }

    public VisionEncoderParts Open(EncoderCheckpoint checkpoint, ModelOpening opening, JsonElement options)
    {
        LlavaHrOptions chosen = MethodOptions.Bind(EncoderName, options, OptionsJson.Default.LlavaHrOptions);
        ConfigReader config = checkpoint.Config;
        (IWeightSource weights, LlavaHrKeys keys) = TowerFiles.Complete(checkpoint, opening);
        ConvNextConfig slow = Slow(config, weights, keys, chosen);
        VisionTransformerConfig fast = FastTower.SizesOf(checkpoint, weights, keys, opening) with
        {
            ClassToken = false,
            Resampling = chosen.PositionResample == "Bicubic" ? PositionResampling.Bicubic : PositionResampling.BicubicAntialiased,
        };
        int minimum = chosen.MinFastSize ?? config.Size("min_fast_size", HighResolution.PublishedMinimum);
        HighResolution.CheckMinimum(minimum, "min_fast_size");
        HighResolution size = HighResolution.Of(chosen.InputImageSize ?? config.Size("input_image_size", DefaultSide), fast.PatchSize, minimum);
        bool frozen = config.Flag("freeze_vision", false), adapters = chosen.EnableAdapters ?? !frozen;
        weights = CheckAdapters(weights, keys, slow, fast, adapters, opening);
        HighResolutionSettings settings = new(size, Aspect(config, chosen, opening))
        {
            Adapters = adapters,
            TowersFrozen = frozen,
            GateOverride = chosen.GateOverride,
            LowFromPhoto = chosen.LowResSource == "FromPhoto",
        };
        Ops ops = opening.Ops, slowOps = SlowOps(chosen.SlowDtype, opening);
        HighResolutionParts parts = HighResolutionParts.Load(
            weights, keys, slow, fast with { Input = size.FastSide }, adapters, ops, slowOps, opening.Cancellation);
        HighResolutionEncoder encoder = opening.Keep(new HighResolutionEncoder(parts, settings, ops));
        return new VisionEncoderParts { Encoder = encoder, IsClaimed = keys.IsClaimed, VisualTokens = size.Tokens };
    }

    /// <summary>A user's error about the encoder.</summary>
    /// <param name="message">What, with which value, how to mend it; without the full stop.</param>
    public static ApertureException Error(string message) => new($"{EncoderName}: {message}.");

    /// <summary>What is added to the variance in a ConvNeXt's norms: by its kind, which the tower's name tells, unless a user says otherwise.</summary>
    /// <param name="name">The tower's name; null where nobody gives one.</param>
    /// <param name="chosen">What a user set.</param>
    public static double Epsilon(string? name, double? chosen)
        => chosen ?? (IsExtraLarge(name) ? ConvNextConfig.ExtraExtraLarge : ConvNextConfig.Large).NormEpsilon;

    private static bool IsExtraLarge(string? name) => name?.Contains("xxlarge", StringComparison.OrdinalIgnoreCase) == true;

    private static bool? Flag(ConfigReader config, string key) => config.Has(key) ? config.Flag(key, false) : null;

    // The kind decides the norms' epsilon; a kind that the weights contradict would be run wrong.
    private static ConvNextConfig Slow(ConfigReader config, IWeightSource weights, LlavaHrKeys keys, LlavaHrOptions options)
    {
        string? name = options.SlowVariant ?? config.Text("vision_tower_slow", null);
        ConvNextConfig slow = ConvNextConfig.Of(weights, keys.Slow, Epsilon(name, options.ConvNextEps));
        int width = slow.Widths[^1], other = IsExtraLarge(name) ? LargeWidth : ExtraWidth;
        return name is null || width != other
            ? slow
            : throw Error(
                $"'{name}' is named as the high-resolution tower (SlowVariant, vision_tower_slow), but its weights have {width} channels, which is "
                + $"{(width == LargeWidth ? "Large" : "XXLarge")}; set SlowVariant to that, or mend config.json");
    }

    // The checkpoint with its adapters; with fresh ones where a training is to begin.
    private static IWeightSource CheckAdapters(
        IWeightSource weights, LlavaHrKeys keys, ConvNextConfig slow, VisionTransformerConfig fast, bool adapters, ModelOpening opening)
    {
        if (fast.Layers % (HighResolutionParts.AdapterCount + 1) != 0)
        {
            throw Error(
                $"the low-resolution tower has {fast.Layers} blocks, but the {HighResolutionParts.AdapterCount} adapters stand behind quarters of them; "
                + "their number must be a multiple of 4");
        }

        int there = Enumerable.Range(0, int.MaxValue).TakeWhile(adapter => weights.Contains(keys.Adapter(adapter) + "slow_conv.weight")).Count();
        if (!adapters || there == HighResolutionParts.AdapterCount)
        {
            return weights;
        }

        if (there == 0 && opening.Adapters == FreshAdapters.Word)
        {
            IWeightSource made = opening.Keep(FreshAdapters.Make(keys, slow.Widths[^1], fast.HiddenSize, seed: 0));
            return new CombinedWeights([weights, made], ownsSources: false);
        }

        throw Error(
            $"the checkpoint has {there} adapters ({keys.Adapter(0)}*) where {HighResolutionParts.AdapterCount} belong; fetch the whole checkpoint, open one "
            + "of the first stage with EnableAdapters false, or begin a training with --adapters fresh");
    }

    private static ImageAspect Aspect(ConfigReader config, LlavaHrOptions options, ModelOpening opening)
    {
        string? aspect = config.Text("image_aspect_ratio", "square");
        return opening.Aspect ?? options.PadMode switch
        {
            "Pad" => ImageAspect.Pad,
            "CropShortest" => ImageAspect.Crop,
            _ => aspect switch
            {
                "pad" => ImageAspect.Pad,
                "square" => ImageAspect.Crop,
                _ => throw Error($"{config.Where}: image_aspect_ratio '{aspect}' is not known to this encoder; use pad or square"),
            },
        };
    }

    private static Ops SlowOps(string? type, ModelOpening opening)
    {
        ScalarType wanted = type switch
        {
            "float16" => ScalarType.Float16,
            "bfloat16" => ScalarType.BFloat16,
            "float32" => ScalarType.Float32,
            _ => opening.Ops.Type,
        };
        return wanted == opening.Ops.Type ? opening.Ops : opening.Keep(new Ops(opening.Device, wanted, opening.Ops.Threads));
    }
}
