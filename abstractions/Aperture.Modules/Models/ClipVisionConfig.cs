using System.Text.Json;

namespace Aperture.Models;

/// <summary>Sizes and options of a CLIP vision transformer.</summary>
public sealed record ClipVisionConfig
{
    /// <summary>Width of a row.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Width of the feed-forward network.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>Number of blocks.</summary>
    public required int Layers { get; init; }

    /// <summary>Attention heads.</summary>
    public required int Heads { get; init; }

    /// <summary>Side of the square input in pixels.</summary>
    public required int ImageSize { get; init; }

    /// <summary>Side of a patch in pixels.</summary>
    public required int PatchSize { get; init; }

    /// <summary>Activation: <c>quick_gelu</c>, <c>gelu</c> or <c>gelu_pytorch_tanh</c>.</summary>
    public string Activation { get; init; } = "quick_gelu";

    /// <summary>Added to the variance in the norms.</summary>
    public double NormEpsilon { get; init; } = 1e-5;

    /// <summary>Patches along a side.</summary>
    public int Grid => ImageSize / PatchSize;

    /// <summary>Reads a Hugging Face vision configuration; absent keys take the class defaults.</summary>
    /// <param name="json">The configuration object, or a whole CLIP config.json that holds one under <c>vision_config</c>.</param>
    /// <param name="where">File name for messages.</param>
    /// <param name="defaults">Values of absent keys; null for the class defaults.</param>
    /// <exception cref="ApertureException">A value has the wrong type or range.</exception>
    public static ClipVisionConfig Parse(JsonElement json, string where, ClipVisionConfig? defaults = null)
    {
        ConfigReader config = new(json, where);
        if (config.Has("vision_config"))
        {
            config = config.Child("vision_config");
        }

        defaults ??= new ClipVisionConfig { HiddenSize = 768, IntermediateSize = 3072, Layers = 12, Heads = 12, ImageSize = 224, PatchSize = 32 };
        ClipVisionConfig parsed = new()
        {
            HiddenSize = config.Size("hidden_size", defaults.HiddenSize),
            IntermediateSize = config.Size("intermediate_size", defaults.IntermediateSize),
            Layers = config.Size("num_hidden_layers", defaults.Layers),
            Heads = config.Size("num_attention_heads", defaults.Heads),
            ImageSize = config.Size("image_size", defaults.ImageSize),
            PatchSize = config.Size("patch_size", defaults.PatchSize),
            Activation = config.Text("hidden_act", defaults.Activation)!,
            NormEpsilon = config.Number("layer_norm_eps", defaults.NormEpsilon),
        };
        if (parsed.HiddenSize % parsed.Heads != 0)
        {
            throw new ApertureException($"{where}: hidden_size {parsed.HiddenSize} is not a multiple of num_attention_heads {parsed.Heads}.");
        }

        if (parsed.PatchSize > parsed.ImageSize)
        {
            throw new ApertureException($"{where}: patch_size {parsed.PatchSize} is larger than image_size {parsed.ImageSize}.");
        }

        if (parsed.Activation is not ("quick_gelu" or "gelu" or "gelu_pytorch_tanh"))
        {
            throw new ApertureException($"{where}: hidden_act '{parsed.Activation}' is not supported in a vision tower; use quick_gelu, gelu or gelu_pytorch_tanh.");
        }

        return parsed;
    }
}
