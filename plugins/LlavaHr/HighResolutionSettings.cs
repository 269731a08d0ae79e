using Aperture.Images;

namespace Aperture.Plugins.LlavaHr;

/// <summary>Sizes of an encoder and what a user set about it.</summary>
/// <param name="Size">The two sides and their grids.</param>
/// <param name="Aspect">What a picture becomes before it is resized.</param>
internal sealed record HighResolutionSettings(HighResolution Size, ImageAspect Aspect)
{
    /// <summary>Whether the adapters act.</summary>
    public bool Adapters { get; init; } = true;

    /// <summary>Whether a training leaves the towers as they are, as the checkpoint says (<c>freeze_vision</c>).</summary>
    public bool TowersFrozen { get; init; }

    /// <summary>What stands in for every gate; null for the gates.</summary>
    public double? GateOverride { get; init; }

    /// <summary>Whether the low-resolution picture is made from the photograph.</summary>
    public bool LowFromPhoto { get; init; }
}
