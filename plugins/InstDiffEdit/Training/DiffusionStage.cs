using System.Text.Json.Serialization;

namespace Aperture.Plugins.InstDiffEdit.Training;

/// <summary>What of a latent diffusion model is trained; each stage starts from what the one before wrote.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<DiffusionStage>))]
internal enum DiffusionStage
{
    /// <summary>The autoencoder, on pictures alone.</summary>
    Autoencoder,

    /// <summary>The UNet, on noised latents under sentences.</summary>
    Denoiser,

    /// <summary>A UNet that also sees a mask and the picture erased inside of it; one of four channels gets five more first.</summary>
    Inpainting,
}
