using Aperture.Decoding;
using Aperture.Images;
using static TorchSharp.torch;

namespace Aperture.Models;

/// <summary>How a model is opened.</summary>
public sealed record ModelOptions
{
    /// <summary>Where it runs: <c>cpu</c>, <c>cuda</c>, <c>cuda:1</c>.</summary>
    public string Device { get; init; } = "cpu";

    /// <summary>
    /// The element type computed in: <c>float32</c>, <c>bfloat16</c>, <c>float16</c>, or <c>auto</c> for the checkpoint's where the device has it.
    /// </summary>
    public string Type { get; init; } = "auto";

    /// <summary>
    /// How the matrices of linear layers are kept: <c>stored</c> as the checkpoint has them, <c>int8</c> or <c>int4</c> in so many bits, on the CPU, or
    /// <c>auto</c> for <c>stored</c> unless <c>aperture quantize</c> wrote the checkpoint for one of the others.
    /// </summary>
    public string Weights { get; init; } = "auto";

    /// <summary>
    /// How a decoder's caches keep keys and values: <c>auto</c> in the element type computed in, <c>bfloat16</c>, or <c>int8</c> with a scale for each row and
    /// head, on the CPU.
    /// </summary>
    public string Cache { get; init; } = "auto";

    /// <summary>Notes the linear layers of the model; null for nobody.</summary>
    internal MatrixWatch? Watch { get; init; }

    /// <summary>CPU threads; 0 takes one a physical core.</summary>
    public int Threads { get; init; }

    /// <summary>What an image becomes before the CLIP processor; null for the checkpoint's own.</summary>
    public ImageAspect? Aspect { get; init; }

    /// <summary>Folder of the vision tower, for checkpoints without one; null to look beside the checkpoint and in the hub cache.</summary>
    public string? Tower { get; init; }

    /// <summary>
    /// The file with the adapters of a model that is made of frozen models and adapters; null to look for the only one beside the model; <c>fresh</c> for
    /// untrained ones, to begin a training.
    /// </summary>
    public string? Adapters { get; init; }

    /// <summary>Folder or hub id of a LoRA adapter to merge into the weights; null for the one that the folder itself may hold.</summary>
    public string? Adapter { get; init; }

    /// <summary>Whether a prompt that is longer than the model takes is cut on the right, with a notice; else it is refused.</summary>
    public bool CutPrompt { get; init; }

    /// <summary>
    /// What is set about a vision encoder that a plugin offers, written as methods' options are: <c>OPTION=VALUE,…</c>; null for the checkpoint's own.
    /// </summary>
    public string? Encoder { get; init; }

    /// <summary>Name of the prompt template; null for the checkpoint's own.</summary>
    public string? Prompt { get; init; }

    /// <summary>Name of the model family that opens the folder; null for the one that recognises it.</summary>
    public string? Family { get; init; }

    /// <summary>The format that <see cref="Weights"/> names; null for <c>auto</c>.</summary>
    /// <exception cref="ApertureException">It names none.</exception>
    public WeightFormat? Format => Weights == "auto"
        ? null
        : WeightFormats.Find(Weights) ?? throw new ApertureException($"Weights '{Weights}' are not known; use auto, stored, int8 or int4.");

    /// <summary>The format that <see cref="Cache"/> names.</summary>
    /// <exception cref="ApertureException">It names none.</exception>
    public CacheFormat CacheFormat => Cache switch
    {
        "auto" => CacheFormat.Computed,
        "bfloat16" or "bf16" => CacheFormat.BFloat16,
        "int8" => CacheFormat.Int8,
        _ => throw new ApertureException($"A KV cache in '{Cache}' is not known; use auto, bfloat16 or int8."),
    };

    /// <summary>The element type that <see cref="Type"/> names; null for <c>auto</c>.</summary>
    /// <exception cref="ApertureException">It names none.</exception>
    public ScalarType? ScalarType => Type switch
    {
        "auto" => null,
        "float32" or "fp32" or "f32" => TorchSharp.torch.ScalarType.Float32,
        "bfloat16" or "bf16" => TorchSharp.torch.ScalarType.BFloat16,
        "float16" or "fp16" or "f16" => TorchSharp.torch.ScalarType.Float16,
        _ => throw new ApertureException($"Element type '{Type}' is not known; use auto, float32, bfloat16 or float16."),
    };
}
