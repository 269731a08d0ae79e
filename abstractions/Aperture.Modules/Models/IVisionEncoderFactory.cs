using System.Text.Json;
using Aperture.Plugins;
using Aperture.Vision;

namespace Aperture.Models;

/// <summary>
/// A kind of vision encoder that families ask for by name, or find by a checkpoint that has one. A plugin registers one a kind, keyed by its name. Its members
/// are called from several threads at once.
/// </summary>
public interface IVisionEncoderFactory
{
    /// <summary>The name families write.</summary>
    string Name { get; }

    /// <summary>One line for lists and help.</summary>
    string Summary { get; }

    /// <summary>The options, for help and for messages; <see cref="MethodOptions.Describe"/> reads them from the options record.</summary>
    IReadOnlyList<MethodOption> Options { get; }

    /// <summary>
    /// Whether a checkpoint's vision encoder is of this kind. Looks at names and configuration only; what it cannot make sense of is none of its.
    /// </summary>
    /// <param name="checkpoint">The checkpoint.</param>
    bool Recognises(EncoderCheckpoint checkpoint);

    /// <summary>Opens the encoder.</summary>
    /// <param name="checkpoint">The checkpoint; its weights must outlive the encoder.</param>
    /// <param name="opening">
    /// How the model is opened; its <see cref="ModelOpening.Policy"/> was asked before. It takes what is opened into its keeping, the encoder too.
    /// </param>
    /// <param name="options">A JSON object with options, or undefined for all defaults; property names are matched without regard to case.</param>
    /// <returns>The encoder with what a family must know of it.</returns>
    /// <exception cref="ApertureException">A tensor is missing, sizes do not fit together, or an option is unknown or out of range.</exception>
    VisionEncoderParts Open(EncoderCheckpoint checkpoint, ModelOpening opening, JsonElement options);
}

/// <summary>What a checkpoint tells about its vision encoder.</summary>
/// <param name="Config">The checkpoint's configuration.</param>
/// <param name="Weights">Its tensors under published names; borrowed.</param>
/// <param name="Folder">Its folder, beside which towers may lie; empty without one.</param>
public sealed record EncoderCheckpoint(ConfigReader Config, Weights.IWeightSource Weights, string Folder);

/// <summary>An open vision encoder, in the keeping of the opening that it was made with.</summary>
public sealed record VisionEncoderParts
{
    /// <summary>The encoder. One whose parameters a training may unfreeze is an <see cref="ITrainableEncoder"/>.</summary>
    public required IVisionEncoder Encoder { get; init; }

    /// <summary>Whether a name in the checkpoint is the encoder's, used or not.</summary>
    public required Func<string, bool> IsClaimed { get; init; }

    /// <summary>Rows of one picture where preprocessing always gives the same number; 0 where the number varies.</summary>
    public int VisualTokens { get; init; }
}

/// <summary>The vision encoders that plugins offer, as a family gets to know them while it opens a model.</summary>
public interface IVisionEncoders
{
    /// <summary>Opens the encoder of a checkpoint that one of the kinds recognises.</summary>
    /// <param name="checkpoint">The checkpoint.</param>
    /// <param name="opening">How the model is opened.</param>
    /// <returns>The encoder; null where no kind recognises the checkpoint.</returns>
    /// <exception cref="ApertureException">It cannot be opened.</exception>
    VisionEncoderParts? Find(EncoderCheckpoint checkpoint, ModelOpening opening);

    /// <summary>Opens the encoder of a kind.</summary>
    /// <param name="name">The kind's name.</param>
    /// <param name="checkpoint">The checkpoint.</param>
    /// <param name="opening">How the model is opened.</param>
    /// <returns>The encoder.</returns>
    /// <exception cref="ApertureException">No enabled plugin offers the kind, or it cannot be opened.</exception>
    VisionEncoderParts Open(string name, EncoderCheckpoint checkpoint, ModelOpening opening);
}
