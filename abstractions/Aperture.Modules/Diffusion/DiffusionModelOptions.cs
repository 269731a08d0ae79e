using Aperture.Decoding;
using static TorchSharp.torch;

namespace Aperture.Diffusion;

/// <summary>How a diffusion model is opened.</summary>
public sealed record DiffusionModelOptions
{
    /// <summary>Where it runs; null for the CPU.</summary>
    public Device? Device { get; init; }

    /// <summary>The element type computed in: float32, bfloat16 or float16; null for what suits the checkpoint and the device.</summary>
    public ScalarType? Type { get; init; }

    /// <summary>How the matrices of the UNet's linear layers are kept; convolutions, the autoencoder and the text encoder stay as they are.</summary>
    public WeightFormat Weights { get; init; }

    /// <summary>Folder with the tokenizer; null for the checkpoint's own, or the folder of a single file.</summary>
    public string? Tokenizer { get; init; }

    /// <summary>
    /// Whether texts are repaired as the ftfy package does, which the official code uses where it is installed; else accents are dropped and punctuation is
    /// split off.
    /// </summary>
    public bool RepairText { get; init; } = true;

    /// <summary>The model's noise instead of what its scheduler's file says; null for that.</summary>
    public NoiseSchedule? Schedule { get; init; }

    /// <summary>Told what the checkpoint's files say and nothing here does; null for nobody.</summary>
    public Action<string>? Tell { get; init; }

    /// <summary>Ends the opening.</summary>
    public CancellationToken Cancellation { get; init; }
}
