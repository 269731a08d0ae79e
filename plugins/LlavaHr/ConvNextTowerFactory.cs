using System.Text.Json;
using Aperture.Decoding;
using Aperture.Images;
using Aperture.Models;
using Aperture.Vision;
using Aperture.Weights;

namespace Aperture.Plugins.LlavaHr;

/// <summary>Opens the high-resolution tower alone, as LLaVA-HR's code does where there is one tower and its name is a ConvNeXt's.</summary>
internal sealed class ConvNextTowerFactory : IVisionEncoderFactory
{
    public const string EncoderName = "convnext-tower";

    private const string Stem = "stem.0.weight";
    private const int DefaultSide = 1024;

    private static readonly string[] _prefixes = ["model.vision_tower.vision_tower.", "vision_tower.vision_tower.", "vision_tower."];

    public string Name => EncoderName;

    public string Summary => "A ConvNeXt as the only vision tower: the last stage's map, place by place.";

    public IReadOnlyList<MethodOption> Options => MethodOptions.Describe(OptionsJson.Default.ConvNextTowerOptions);

    public bool Recognises(EncoderCheckpoint checkpoint)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        return Prefix(checkpoint.Weights) is not null;
    }

    public VisionEncoderParts Open(EncoderCheckpoint checkpoint, ModelOpening opening, JsonElement options)
    {
        ConvNextTowerOptions chosen = MethodOptions.Bind(EncoderName, options, OptionsJson.Default.ConvNextTowerOptions);
        ConfigReader config = checkpoint.Config;
        string prefix = Prefix(checkpoint.Weights)
            ?? throw Error($"the checkpoint has no ConvNeXt under {string.Join(", ", _prefixes)} (looked for {Stem}); open it as another encoder");
        double epsilon = LlavaHrFactory.Epsilon(config.Text("mm_vision_tower", null), chosen.ConvNextEps);
        ConvNextConfig sizes = ConvNextConfig.Of(checkpoint.Weights, prefix, epsilon);
        int side = chosen.InputImageSize ?? config.Size("input_image_size", DefaultSide);
        if (side % sizes.Stride != 0)
        {
            throw Error(
                $"pictures of {side} pixels (input_image_size) are no multiple of {sizes.Stride}; use {Math.Max(1, side / sizes.Stride) * sizes.Stride}");
        }

        Ops ops = opening.Ops;
        WeightPolicy policy = WeightPolicy.Of(ops) with { Cancellation = opening.Cancellation };
        ClipImageProcessorConfig picture = new()
        {
            ShortestEdge = side,
            CropHeight = side,
            CropWidth = side,
            PadToSquare = (opening.Aspect ?? (config.Text("image_aspect_ratio", "square") == "pad" ? ImageAspect.Pad : ImageAspect.Crop)) == ImageAspect.Pad,
        };
        ConvNext trunk = new(sizes, ConvNextWeights.Load(checkpoint.Weights, prefix, sizes, policy), ops);
        ConvNextEncoder encoder = opening.Keep(new ConvNextEncoder(trunk, new ClipImageProcessor(picture), prefix, ops));
        return new VisionEncoderParts
        {
            Encoder = encoder,
            IsClaimed = name => name.StartsWith(prefix, StringComparison.Ordinal),
            VisualTokens = encoder.Tokens,
        };
    }

    /// <summary>A user's error about the encoder.</summary>
    /// <param name="message">What, with which value, how to mend it; without the full stop.</param>
    public static ApertureException Error(string message) => new($"{EncoderName}: {message}.");

    private static string? Prefix(IWeightSource weights) => Array.Find(_prefixes, prefix => weights.Contains(prefix + Stem));
}
