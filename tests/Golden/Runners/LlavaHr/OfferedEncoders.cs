using System.Text.Json;
using Aperture.Models;
using Aperture.Plugins.LlavaHr;

namespace Aperture.Golden.Tests.LlavaHr;

/// <summary>The encoders of the plugin as a family is offered them, without a plugin host.</summary>
/// <param name="options">Options of the encoder, a JSON object; undefined for none.</param>
internal sealed class OfferedEncoders(JsonElement options = default) : IVisionEncoders
{
    private static readonly IVisionEncoderFactory[] _all = [new LlavaHrFactory(), new ConvNextTowerFactory()];

    public VisionEncoderParts? Find(EncoderCheckpoint checkpoint, ModelOpening opening)
        => Array.Find(_all, factory => factory.Recognises(checkpoint))?.Open(checkpoint, opening, options);

    public VisionEncoderParts Open(string name, EncoderCheckpoint checkpoint, ModelOpening opening)
        => Array.Find(_all, factory => factory.Name == name)!.Open(checkpoint, opening, options);
}
