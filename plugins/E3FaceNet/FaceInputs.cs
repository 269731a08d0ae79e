using Aperture.Plugins.E3FaceNet.Model;
using static TorchSharp.torch;

namespace Aperture.Plugins.E3FaceNet;

/// <summary>What a face is made of, before anything is computed. Owns its tensors.</summary>
internal sealed record FaceInputs : IDisposable
{
    /// <summary>The face's noise, <c>[1, Z]</c>.</summary>
    public required Tensor Noise { get; init; }

    /// <summary>The background's noise, <c>[1, Z']</c>.</summary>
    public required Tensor Background { get; init; }

    /// <summary>The background's noise behind the edited face; null for the same.</summary>
    public Tensor? EditBackground { get; init; }

    /// <summary>The sentence's pooled row, <c>[1, P]</c>; null without text.</summary>
    public Tensor? Pooled { get; init; }

    /// <summary>Its tokens' rows, <c>[1, T, D]</c>; null without text.</summary>
    public Tensor? Tokens { get; init; }

    /// <summary>Those of the edit's sentence; null for no edit.</summary>
    public Tensor? EditTokens { get; init; }

    /// <summary>Draws the noises of a seed as the published programs do.</summary>
    /// <param name="seed">The seed.</param>
    /// <param name="config">Sizes.</param>
    /// <param name="temperature">Factor on the background's.</param>
    /// <param name="ownBackground">Whether the edited face gets a background of its own.</param>
    /// <param name="device">Where they are used.</param>
    /// <returns>Inputs without text; the caller disposes them.</returns>
    public static FaceInputs Draw(long seed, FaceConfig config, double temperature, bool ownBackground, Device device)
    {
        using FaceNoise random = new(seed);
        Tensor Moved(Tensor drawn)
        {
            using (drawn)
            {
                return drawn.to(device, copy: true);
            }
        }

        return new FaceInputs
        {
            Noise = Moved(FaceNoise.Face(seed, config.Noise)),
            Background = Moved(random.Background(config.BackgroundNoise, temperature)),
            EditBackground = ownBackground ? Moved(random.Background(config.BackgroundNoise, temperature)) : null,
        };
    }

    /// <summary>Disposes the tensors.</summary>
    public void Dispose()
    {
        foreach (Tensor? tensor in (Tensor?[])[Noise, Background, EditBackground, Pooled, Tokens, EditTokens])
        {
            tensor?.Dispose();
        }
    }
}
