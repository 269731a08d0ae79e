using Aperture.Vision;

namespace Aperture.Models;

/// <summary>No vision encoder is offered: for models that are opened without plugins.</summary>
internal sealed class NoVisionEncoders : IVisionEncoders
{
    public static NoVisionEncoders Instance { get; } = new();

    public VisionEncoderParts? Find(EncoderCheckpoint checkpoint, ModelOpening opening) => null;

    public VisionEncoderParts Open(string name, EncoderCheckpoint checkpoint, ModelOpening opening)
        => throw new ApertureException($"There is no vision encoder '{name}': the model was opened without plugins; open it through a session.");
}
