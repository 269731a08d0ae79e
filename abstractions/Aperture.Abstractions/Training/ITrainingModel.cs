using Aperture.Decoding;
using Aperture.Plugins;
using static TorchSharp.torch;

namespace Aperture.Training;

/// <summary>
/// The model that a method is trained on, and where its files go. Everything in it is frozen unless it is asked for with <see cref="Unfreeze"/>.
/// </summary>
public interface ITrainingModel
{
    /// <summary>Sizes of the decoder.</summary>
    DecoderInfo Decoder { get; }

    /// <summary>Channels of a feature row of the model's vision encoder.</summary>
    int VisionChannels { get; }

    /// <summary>Finds files that options name, and the model's folder.</summary>
    IMethodFiles Files { get; }

    /// <summary>The folder that trained files are written into.</summary>
    string OutputFolder { get; }

    /// <summary>Number of labelled samples.</summary>
    int Samples { get; }

    /// <summary>
    /// Makes parameters of decoder and projector trainable: from now on batches compute with the returned tensors. Names are those of LLaVA's own layout in
    /// whatever layout the checkpoint is: <c>model.layers.0.self_attn.q_proj.weight</c>, <c>model.embed_tokens.weight</c>, <c>model.norm.weight</c>,
    /// <c>lm_head.weight</c>, <c>model.mm_projector.0.weight</c>.
    /// </summary>
    /// <param name="wanted">Which names.</param>
    /// <returns>float32 leaves that require gradients; owned by the model.</returns>
    IReadOnlyDictionary<string, Tensor> Unfreeze(Func<string, bool> wanted);

    /// <summary>
    /// Writes a whole checkpoint into <see cref="OutputFolder"/> that opens like the one it came from: the files beside the weights, and the weights with
    /// everything that was unfrozen as it is now.
    /// </summary>
    /// <param name="added">Further tensors, by checkpoint name; borrowed. They replace tensors of the same name.</param>
    /// <param name="left">Names, in LLaVA's own layout, that the checkpoint does without; null for none.</param>
    /// <returns>Full paths of the files.</returns>
    IReadOnlyList<string> SaveCheckpoint(IReadOnlyDictionary<string, Tensor> added, Func<string, bool>? left = null);
}
